#!/bin/sh
# What happens when something breaks: a supervisor or guardian that is killed, a
# launch that cannot be, a log that cannot be written; and that statuses and
# signals pass through as they are.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
here=$(mktemp -d "${TMPDIR:-/tmp}/faults.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$here/run" "$here/project"
cd "$here/project" || exit 99
all='-q --only'
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

run() {
	# shellcheck disable=SC2086
	timeout 60 "$interpose" $all -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' "$@"
}

expect() { # STATUS WORDS…
	want=$1
	shift
	"$@" >"$here/out" 2>"$here/err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] || {
		fail "status $got, not $want: $*"
		cat "$here/err"
	}
}

caused() { # what standard error must say
	grep -q -- "$1" "$here/err" || {
		fail "no word of '$1'"
		cat "$here/err"
	}
}

# -- statuses ----------------------------------------------------------------
expect 0 run true
expect 7 run sh -c 'exit 7'
expect 143 run sh -c 'kill -TERM $$'
expect 127 run no-such-program-here
caused 'no such program'
: >not-executable
expect 126 run ./not-executable
caused 'may not be executed'
expect 126 run -e 'deny exec /bin/sleep' -e 'deny exec /usr/bin/sleep' sleep 0
caused 'refused'

# -- records elsewhere -------------------------------------------------------
# In the project, too, they are not the session's; what else is there stays so.
attack='cat kept/*/events.jsonl; for file in kept/2*/*; do echo x >>"$file"; done
	ln kept/2*/policy linked; mv kept/2* kept/moved; mv kept elsewhere
	rm -rf kept; mkdir -p kept/mine && echo mine >kept/mine/file
	[ -e kept/2* ] && [ ! -e linked ] && cat kept/mine/file'
for fence in auto off; do
	for dry in '' -n; do
		mkdir -m 700 kept
		# shellcheck disable=SC2086
		expect 0 run $dry --fence $fence --session-dir kept sh -c "$attack"
		[ "$(cat "$here/out")" = mine ] ||
			fail "a session read its log: $(cat "$here/out")"
		expect 0 "$interpose" log verify "$PWD"/kept/2*
		rm -rf kept elsewhere linked
	done
done

# A policy of -p is not the session's to change for the next one.
echo 'allow read /nowhere' >own
for dry in '' -n; do
	# shellcheck disable=SC2086
	expect 0 run $dry -p ./own sh -c 'echo x >>own; rm -f own; ln own linked
		mv own moved; [ -e own ] && [ ! -e linked ] && echo y >other'
	[ "$(cat own)" = 'allow read /nowhere' ] || fail "changed: $(cat own)"
done
rm own other

# Nor is what it includes, nor a link on the way to either.
mkdir included files evil
echo 'allow read /nowhere' | tee included/one files/two files/three files/four evil/two >evil/own
printf 'include ./included/one\ninclude ./link/two\n' >files/own
ln -s files link
ln -s files/own own
mkdir -p "$XDG_CONFIG_HOME/interpose/policies"
printf 'include %s\n' "$PWD/files/three" >"$XDG_CONFIG_HOME/interpose/policies/named"
ln -s "$PWD/files/four" "$XDG_CONFIG_HOME/interpose/policies/four"
state() {
	find . -printf '%p %l %s %m %i %n\n' | sort
}
state >"$here/before"
for fence in auto off; do
	for dry in '' -n; do
		# shellcheck disable=SC2086
		expect 0 run $dry --fence $fence -p ./own -p named -e 'include four' sh -c '
			for file in included/one files/two files/three files/four files/own; do
				echo x >>$file; true >|$file; rm -f $file; ln $file hard
				mv $file moved; mv evil/two $file; chmod 777 $file
			done
			for name in included files link own; do
				rm -f $name; mv $name moved; ln -sfnT evil $name
				mv -T evil $name; mv --exchange -T evil $name
				mv -T evil/own $name; rm -rf $name
			done
			rm -rf moved
			echo y >files/other && rm files/other'
		state >"$here/after"
		cmp -s "$here/before" "$here/after" ||
			fail "policies were moved: $(diff "$here/before" "$here/after")"
		[ "$(cat included/* files/[tf]* | sort -u)" = 'allow read /nowhere' ] ||
			fail "policies were changed"
	done
done
rm -r included files evil link own "$XDG_CONFIG_HOME/interpose"

# -- a launch that cannot be -------------------------------------------------
expect 125 "$interpose" --only -e 'alow read /**' true
caused 'did you mean'
expect 125 "$interpose" -p "$here/absent" true
caused "$here/absent"
expect 125 "$interpose" --only -e 'secret x from env X to a.example:443 ttl 15m' true
caused 'a variable stays what it is'
expect 125 "$interpose" --no-such-option true
# (LeakSanitizer, in a build that has it, cannot work there.)
expect 125 run env ASAN_OPTIONS=detect_leaks=0 "$interpose" -q --only \
	-e 'allow read /**' true
caused 'already runs under'
# What the kernel refuses is told beside what the policy has wrong.
expect 125 run env ASAN_OPTIONS=detect_leaks=0 "$interpose" -q --only \
	-e 'alow read /**' true
caused 'already runs under'
caused 'did you mean'
chmod 777 "$here/state"
expect 125 run true
chmod 700 "$here/state"
expect 125 env XDG_STATE_HOME=/proc/none "$interpose" --only true
caused "the session's directories: No such file or directory"
caused 'XDG_STATE_HOME'

# -- a supervisor that is killed ---------------------------------------------
# Its programs sit in a pipe, a FIFO, a session of their own, or are stopped.
mkfifo fifo
run sh -c 'echo $$ >pids
	setsid sh -c "echo \$\$ >>pids; exec sleep 1000" &
	(read -r line <fifo) & echo $! >>pids
	sleep 1000 & echo $! >>pids; kill -STOP $!
	(sleep 1000 & echo $! >>pids) &
	mkfifo ready; : >ready; wait' >/dev/null 2>&1 &
guardian=$!
i=0
until [ -p ready ]; do
	i=$((i + 1))
	[ $i -lt 500 ] || break
	python3 -c 'import time; time.sleep(0.02)'
done
read -r line <ready
: "${line:=}"
# The process that was started is timeout, then the guardian, the warden, the
# supervisor.
supervisor=$(python3 - "$guardian" <<'P'
import sys
def kids(pid):
    return [int(c) for t in __import__('os').listdir(f'/proc/{pid}/task')
            for c in open(f'/proc/{pid}/task/{t}/children').read().split()]
pid = int(sys.argv[1])
while True:
    name = open(f'/proc/{pid}/comm').read().strip()
    below = kids(pid)
    if name == 'session-warden':
        print(below[0]); break
    pid = below[0]
P
)
start=$(date +%s%N)
kill -KILL "$supervisor"
wait "$guardian"
status=$?
took=$((($(date +%s%N) - start) / 1000000))
[ $status -eq 125 ] || fail "the guardian ended with $status"
[ $took -lt 1000 ] || fail "it took $took ms to end the session"
while read -r pid; do
	[ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" &&
		fail "process $pid outlived its supervisor"
done <pids
expect 0 run true
[ -z "$(ls "$here/run/interpose" 2>/dev/null)" ] || {
	fail "a dead session left something behind"
	ls -R "$here/run"
}
for log in "$here"/state/interpose/sessions/*/events.jsonl; do
	[ -z "$(tail -c 1 "$log" | tr -d '\n')" ] || fail "a torn line in $log"
done

# -- a log that cannot be written --------------------------------------------
expect 125 sh -c 'ulimit -f 8; exec "$@"' sh "$interpose" --only --log all \
	-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' \
	sh -c 'while :; do cat /etc/hostname; done'
caused 'audit log'

# -- what is left running ends with the program ------------------------------
expect 0 run sh -c 'sleep 1000 & echo $! >left'
read -r pid <left
[ -d "/proc/$pid" ] && fail "a program outlived its session"

# -- hundreds of processes, many threads, a storm of execs -------------------
expect 0 run sh -c 'i=0; while [ $i -lt 300 ]; do sleep 0.2 & i=$((i+1)); done; wait'
expect 0 run python3 -c '
import subprocess, threading
def storm():
    for _ in range(40):
        subprocess.run(["true"], check=True)
threads = [threading.Thread(target=storm) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]'
exit $failed
