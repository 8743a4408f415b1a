#!/bin/sh
# Each kind of question looks as the screens in tests/e2e/screens: at 80 columns,
# at 40, wide; and without colours. UPDATE=1 writes them anew.
set -u
for tool in tmux python3; do
	command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
source=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/golden.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
asker=${ASKER:-$PWD/tests/e2e/asker}
INTERPOSE=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/home/.config LC_ALL=C.UTF-8 TERM=screen
export INTERPOSE HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME LC_ALL TERM
unset NO_COLOR
mkdir "$HOME" && mkdir -m 700 "$here/run" || exit 99
timeout 600 python3 -B "$source/asking-golden.py" "$asker" ${UPDATE:+--update} "$@"
