#!/bin/sh
# Execs whose path, arguments or descriptor change while they are under way: the
# wrong program never runs, and where a change came in time for the kernel, the
# process is killed and the log has an alert. Bare, each way runs the wrong one,
# or the test would show nothing.
# EXEC_RACES is for all ways together: `make race-execs` has 100,000.
set -u
races=${EXEC_RACES:-1080}
here=$(mktemp -d "${TMPDIR:-/tmp}/execrace.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
race=$PWD/tests/escape/exec_race
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$HOME" "$here/run" "$here/ok" "$here/no" || exit 99
cp "$race" "$here/ok/file" && cp "$race" "$here/no/file" || exit 99
cd "$here" || exit 99
failed=0 swaps=0 total=0

for way in shared vfork thread other second; do
	for what in path argument pointer descriptor; do
		# A table of descriptors is shared by threads only.
		case $what,$way in descriptor,shared | descriptor,vfork) continue ;; esac
		# As long as it takes on a busy machine.
		"$race" $way $what -100000 >bare
		[ $? -eq 1 ] || {
			echo "FAILED: bare, $way $what met nothing"
			cat bare
			failed=1
		}
		count=$(((races + 17) / 18))
		rm -rf "$here/state"
		timeout 3600 "$interpose" -q --only -C ok -e 'allow read,write /**' \
			-e 'allow exec /**' -e 'allow env *' \
			-e "deny exec $here/no/**" -e 'deny exec file evil' \
			"$race" $way $what $count >out </dev/null
		status=$?
		cat out
		killed=$(sed 's/.*killed \([0-9]*\),.*/\1/' out)
		alerts=$(cat state/interpose/sessions/*/events.jsonl |
			grep -c '"event":"alert"')
		[ $status -eq 0 ] || {
			echo "FAILED: $way $what: status $status"
			failed=1
		}
		[ "$killed" = "$alerts" ] || {
			echo "FAILED: $way $what: $killed killed, $alerts alerts"
			failed=1
		}
		total=$((total + count))
		swaps=$((swaps + killed))
	done
done
# One that is killed while it is compared is no attack: 20 alerts in 3,000 once.
if command -v python3 >/dev/null; then
	rm -rf "$here/state"
	"$interpose" -q --only -C ok -e 'allow read,write /**' -e 'allow exec /**' \
		-e 'allow env *' python3 -c '
import os, random, signal, time
for i in range(2000):
    child = os.fork()
    if not child:
        os.execv("/bin/true", ["true"])
    end = time.perf_counter() + random.random() * 0.003
    while time.perf_counter() < end: pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)' </dev/null || { echo "FAILED: killed ones: status $?"; failed=1; }
	! grep -hE '"event":"(alert|error)"' state/interpose/sessions/*/events.jsonl ||
		{ echo "FAILED: what was killed is taken for an attack"; failed=1; }
fi
echo "$total raced execs, $swaps swaps won and were ended, each with its alert"
exit $failed
