#!/bin/sh
# A thousand questions at once (QUESTIONS=10000: as many), a thousand in turn, a
# thousand threads with the same question: each is asked once and answered, in a
# time that grows with their number and not with its square.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
source=$(cd "$(dirname "$0")" && pwd)
asker=$PWD/tests/e2e/asker
here=$(mktemp -d "${TMPDIR:-/tmp}/many.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
INTERPOSE=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config
export INTERPOSE HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir "$HOME" && mkdir -m 700 "$here/run" || exit 99
timeout "${LIMIT:-200}" python3 -B "$source/asking-many.py" "$asker" \
	"${QUESTIONS:-1000}" "$@"
