#!/bin/sh
# The supervisor is stopped and goes on, in the midst of everything that it does
# (Ctrl-Z elsewhere, a debugger, a cgroup that is frozen, a machine that goes to
# sleep): no call of the session comes to anything else than before. Seen to fail
# with SECCOMP_ADDFD_FLAG_SEND: an open that returned 0, the standard input.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/paused.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
source=$(cd "${srcdir:-.}" && pwd) || exit 99
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$here/run" "$HOME"
mkdir "$HOME/work" && cd "$HOME/work" || exit 99
failed=0
for fence in auto off; do
	timeout 300 python3 -B "$source/tests/e2e/paused.py" "$interpose" $fence || {
		echo "FAILED: --fence $fence: status $?"
		failed=1
	}
	! grep -hE '"event":"(alert|error)"' "$here"/state/interpose/sessions/*/events.jsonl || {
		echo "FAILED: --fence $fence: a stop is taken for a fault"
		failed=1
	}
done
exit $failed
