#!/bin/sh
# Standard output, or all three, are no terminal: the question comes at the one
# that there is.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
source=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/elsewhere.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
INTERPOSE=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config TERM=xterm NO_COLOR=1
export INTERPOSE HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME TERM NO_COLOR
mkdir -p "$HOME/work" && mkdir -m 700 "$here/run" || exit 99
cd "$HOME/work" && timeout 100 python3 -B "$source/asking-elsewhere.py"
