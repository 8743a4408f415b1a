#!/bin/sh
# Each program of tests/calls, bare and supervised, as root and as an ordinary
# user: what it prints and what it leaves behind must be the same. Of the matrix
# of calls and paths every 12th pair; CALLS_EVERY=1 for all (minutes).
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
failed=0
sh "$here/run" "$PWD/tests/calls/paths" all "${CALLS_EVERY:-12}" || failed=1
for program in tests/calls/bases tests/calls/files tests/calls/edges tests/calls/numbers tests/calls/waits \
	tests/calls/interrupts tests/calls/execs tests/calls/execs_odd tests/calls/filters tests/calls/ids net_tcp net_udp net_unix net_messages; do
	sh "$here/run" "$PWD/$program" || {
		echo "FAILED: $program"
		failed=1
	}
done
exit $failed
