#!/bin/sh
# What asks a terminal for the clipboard, or sets it, passes as the policy says.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
source=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/clipboard.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
INTERPOSE=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config TERM=xterm
export INTERPOSE HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME TERM
mkdir -p "$HOME/work" && mkdir -m 700 "$here/run" || exit 99
cd "$HOME/work" && timeout 100 python3 -B "$source/asking-clipboard.py"
