#!/bin/sh
# Limits: what is over them ends, the rest does not, and the log and the last
# line say so. Address space is not memory.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
interpose=${INTERPOSE:-$PWD/interpose}
here=$(mktemp -d "${TMPDIR:-/tmp}/limits.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$here/run" "$here/work"
cd "$here/work" || exit 99
failed=0

fail() {
	echo "FAILED: $*"
	cat "$here/err"
	failed=1
}

run() { # STATUS WORDS…
	want=$1
	shift
	timeout 60 "$interpose" --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' "$@" \
		>"$here/out" 2>"$here/err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] || fail "status $got, not $want: $*"
}

told() { # LIMIT WORDS: on standard error, and in an event with the line
	grep -q 'a limit of the policy was reached' "$here/err" ||
		fail "no last line about $1"
	"$interpose" log --json --denied | python3 -c '
import json, sys
for event in map(json.loads, sys.stdin):
    if event["rule"]["text"] == sys.argv[1] and sys.argv[2] in event["message"]:
        sys.exit(0)
sys.exit(1)' "$1" "$2" || fail "no event of $1"
}

untold() {
	! grep -q 'a limit of the policy' "$here/err" || fail "a limit: $*"
}

# -- memory --------------------------------------------------------------------
# The one that takes it is killed, and the one that waits for it goes on.
cat >hog.py <<'END'
import mmap, os, sys
pid = os.fork()
if pid == 0:
    blocks = []
    for i in range(64):
        blocks.append(b"x" * (8 << 20))
    # Held until it is ended.
    os.read(int(sys.argv[1]), 1)
    os._exit(0)
print(os.WTERMSIG(os.waitpid(pid, 0)[1]))
END
cat >start.py <<'END'
import os, subprocess, sys
r, w = os.pipe()
os.set_inheritable(r, True)
sys.exit(subprocess.call([sys.executable, "hog.py", str(r)], pass_fds=[r]))
END
run 0 -e 'limit memory 200M' python3 start.py
[ "$(cat "$here/out")" = 9 ] || fail "the one over the limit was not killed"
told 'limit memory 200M' 'was killed'
# 128 GB that are reserved and not touched, as by agents; what is below the limit.
run 0 -e 'limit memory 200M' python3 -c '
import mmap, time
m = mmap.mmap(-1, 128 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
m[0] = 1
b = b"x" * (32 << 20)
time.sleep(0.6)'
untold "reserved address space"

# -- processes -----------------------------------------------------------------
run 0 -e 'limit processes 20' sh -c '
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		sleep 30 & pids="$pids $!"
	done
	set -- $pids
	# The youngest goes, the oldest stays.
	wait "${25}"; [ $? -eq 137 ] || exit 3
	kill "$1" || exit 4
	shift
	kill "$@" 2>/dev/null
	exit 0'
told 'limit processes 20' 'the youngest'
run 125 -e 'limit processes 20' sh -c '
	i=0; while [ $i -lt 200 ]; do sleep 30 & i=$((i + 1)); done; wait'
told 'limit processes 20' 'was ended'
run 0 -e 'limit processes 20' sh -c 'sleep 0.3 & sleep 0.3 & wait'
untold "few processes"

# -- time, of the clock and of the processor -----------------------------------
run 125 -e 'limit time 1s' sleep 30
told 'limit time 1s' "time is over"
run 0 -e 'limit time 60s' true
untold "little time"
# One after the other, none of which is over it by itself.
run 125 -e 'limit cpu 2s' sh -c '
	while :; do timeout 0.5 sh -c "while :; do :; done"; done'
told 'limit cpu 2s' "processor time"

# -- of one process --------------------------------------------------------------
run 0 -e 'limit files 32' python3 -c '
import errno, os
try:
    while True: os.open("/etc/passwd", os.O_RDONLY)
except OSError as e:
    raise SystemExit(e.errno != errno.EMFILE)'
told 'limit files 32' "as many files open"
run 0 -e 'limit file-size 1M' python3 -c '
import errno, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    with open("big", "wb") as f: f.write(b"x" * (2 << 20))
except OSError as e:
    raise SystemExit(e.errno != errno.EFBIG)'
[ "$(stat -c %s big)" -le 1048576 ] || fail "a file beyond its limit"

exit $failed
