#!/bin/sh
# Threads that are kept out of their calls while a question is open: what the
# kernel's freezer makes of them (a machine that goes to sleep, docker pause), and
# that nothing else is different: answers, signals, ends and execs beside them.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
source=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/held.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
INTERPOSE=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config
export INTERPOSE HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir "$HOME" && mkdir -m 700 "$here/run" || exit 99
timeout 300 python3 -B "$source/asking-held.py" "$@" || exit
! grep -hE '"event":"(alert|error)"' "$XDG_STATE_HOME"/interpose/sessions/*/events.jsonl
