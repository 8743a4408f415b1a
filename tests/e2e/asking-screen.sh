#!/bin/sh
# What a program shows and how it set the terminal is the same, cell by cell,
# before and after a question: shells with their jobs, vim, less, htop, as far as
# they are there.
set -u
for tool in tmux python3; do
	command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
source=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/screen.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
INTERPOSE=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config LC_ALL=C.UTF-8 ENV='' TERM=screen
export INTERPOSE HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME LC_ALL ENV TERM
mkdir "$HOME" && mkdir -m 700 "$here/run" || exit 99
timeout 600 python3 -B "$source/asking-screen.py"
