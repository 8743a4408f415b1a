#!/bin/sh
# Processes outside of a session, of the same user, are out of its reach; those
# inside are as ever: jobs, signals, ps, waiting.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: numbers of x86-64"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/fences.XXXXXX") || exit 99
interpose=${INTERPOSE:-$PWD/interpose}
script=$(cd "${srcdir:-.}" && pwd)/tests/escape/fences.py
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$here/run" "$here/state" "$HOME" "$here/work"
cd "$here/work" || exit 99
OUTSIDE_KEY=key-of-outside sleep 300 &
outside=$!
trap 'kill $outside; rm -rf "$here"' EXIT
failed=0

run() {
	timeout 60 "$interpose" -q --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' "$@" </dev/null
}

# Not stopped, and of the priority it had.
before=$(cut -d' ' -f18,19 "/proc/$outside/stat")
run python3 "$script" "$outside" || failed=1
[ "$(cut -d' ' -f18,19 "/proc/$outside/stat")" = "$before" ] &&
	! grep -q '^State:.T' "/proc/$outside/status" ||
	{ echo "FAILED: the process outside was changed"; failed=1; }

# -- inside ---------------------------------------------------------------------
expect() { # WHAT WORDS…: exits with 0
	what=$1
	shift
	run "$@" >"$here/out" 2>&1 ||
		{ echo "FAILED: $what, status $?"; cat "$here/out"; failed=1; }
}

# Of zsh, and at a terminal: tests/e2e/jobs.sh.
if command -v bash >/dev/null; then
	expect "jobs" bash -c '
		set -m
		sleep 30 & first=$!; sleep 30 &
		# By its id: the job is forgotten once bash has told of its end.
		kill %1 || exit 1
		wait $first; [ $? -eq 143 ] || exit 2
		kill -STOP %2 || exit 3
		until [ "$(ps -o stat= -p $! | cut -c1)" = T ]; do :; done
		kill -CONT %2 && kill -INT %2; wait $!; [ $? -eq 130 ] || exit 4
		trap "got=1" USR1; kill -USR1 $$; [ "$got" = 1 ] || exit 5
		(exit 7) & wait $!; [ $? -eq 7 ] || exit 6'
fi
if command -v pgrep >/dev/null; then
	expect "ps, pgrep, top" sh -c '
		sleep 31 & p=$!
		ps -ef | grep -q "[s]leep 31" || exit 1
		[ "$(pgrep -f "^sleep 31$")" = "$p" ] || exit 2
		top -b -n 1 -p "$p" | grep -q sleep || exit 3
		renice -n 5 -p "$p" >/dev/null || exit 4
		taskset -p "$p" >/dev/null 2>&1; nice -n 3 true || exit 5
		prlimit --pid "$p" --nofile=64 || exit 6
		kill -0 -"$$" 2>/dev/null; kill "$p"; wait "$p"; [ $? -eq 143 ]'
fi
expect "priorities of its own group and user" python3 -c '
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
child = os.fork()
if child == 0:
    time.sleep(1000)
try:
    least = os.nice(0)  # of a suite that is run by nice(1)
    for which, nice in ((os.PRIO_PGRP, max(3, least)), (os.PRIO_USER, max(5, least))):
        os.setpriority(which, 0, nice)
        assert os.getpriority(os.PRIO_PROCESS, child) == nice
        assert os.getpriority(os.PRIO_PROCESS, 0) == nice
    os.setpriority(os.PRIO_PGRP, os.getpgid(0), max(6, least))
    for which, level in ((2, 6), (3, 7)):
        assert libc.syscall(251, which, 0, 2 << 13 | level) == 0
        assert libc.syscall(252, 1, child) == 2 << 13 | level
    for which, who in ((9, 0), (os.PRIO_PGRP, 2**30)):
        try:
            os.setpriority(which, who, 7)
            raise SystemExit("no error")
        except OSError:
            pass
finally:
    os.kill(child, 9)'
if command -v ps >/dev/null; then
	run ps axeww >"$here/out" 2>&1
	grep -q 'sleep' "$here/out" || { echo "FAILED: ps shows nothing"; failed=1; }
	! grep -q 'OUTSIDE_KEY\|key-of-outside' "$here/out" ||
		{ echo "FAILED: ps shows the environment of outside"; failed=1; }
fi
# Debuggers are refused, and say so rather than hang.
if command -v strace >/dev/null; then
	run strace -o "$here/trace" true >"$here/out" 2>&1 &&
		{ echo "FAILED: strace inside"; failed=1; }
	grep -qi 'not permitted' "$here/out" ||
		{ echo "FAILED: strace does not say why"; cat "$here/out"; failed=1; }
fi
exit $failed
