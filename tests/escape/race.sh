#!/bin/sh
# What is decided is what happens: another thread, a process with the same
# memory and a shared mapping change path, open_how, program and argument during
# the call; a process outside swaps links and directories on the disk. Bare, each
# meets the wrong object, or the test would show nothing.
# RACE_TRIES tries each (100,000 for the record; few in a quick run).
set -u
tries=${RACE_TRIES:-1000}
here=$(mktemp -d "${TMPDIR:-/tmp}/race.XXXXXX") || exit 99
swapper=
trap '[ -z "$swapper" ] || kill $swapper; rm -rf "$here"' EXIT
race=$PWD/tests/escape/race
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$HOME" "$here/run" "$here/ok" "$here/no"
cd "$here" || exit 99

# The forbidden one is the larger, and says SECRET; as a program, it fails.
furnish() {
	rm -rf ok no turn next && mkdir ok no
	case $2 in
	exec) cp /bin/true ok/file && cp /bin/false no/file ;;
	*) echo plain >ok/file && printf 'SECRET%0200d\n' 0 >no/file ;;
	esac
	case $1 in
	links) ln -s ok turn ;;
	dirs) cp -r ok turn && ln -s no next ;;
	last) ln -s ok/file turn ;;
	esac
}

failed=0
attempt() { # WAY WHAT STATUS COMMAND…
	way=$1 what=$2 want=$3
	shift 3
	furnish "$way" "$what"
	case $way in
	links | dirs | last) "$race" swap "$way" & swapper=$! ;;
	esac
	timeout 900 "$@"
	status=$?
	[ "$status" -eq "$want" ] || {
		echo "FAILED: $way $what (status $status)"
		failed=1
	}
	if [ -n "$swapper" ]; then
		kill "$swapper"
		wait "$swapper"
		swapper=
	fi 2>/dev/null
}

held() { # WAY WHAT COUNT OPTION…
	way=$1 what=$2 count=$3
	shift 3
	# As long as it takes on a busy machine.
	attempt "$way" "$what" 1 "$race" "$way" "$what" -10000000
	attempt "$way" "$what" 0 "$interpose" -q --only -C ok \
		-e 'allow read,write /**' -e 'allow exec /**' \
		-e 'allow env *' "$@" "$race" "$way" "$what" "$count"
}

for way in thread clone shared links dirs last; do
	held "$way" open "$tries" -e "deny read $here/no/**"
	held "$way" stat "$tries" -e "hide read $here/no/**"
	[ "$way" = last ] || held "$way" link "$tries" -e "deny read,write $here/no/**"
	# An exec costs a thousand times what a stat does.
	held "$way" exec $((tries / 10 + 1)) -e "deny exec $here/no/**"
	[ "$way" = last ] && continue
	held "$way" unlink "$tries" -e "deny write $here/no/**"
	[ -e no/file ] || { echo "FAILED: what may not be written to is gone"; failed=1; }
	case $way in links | dirs) continue ;; esac
	held "$way" openat2 "$tries" -e "deny read $here/no/**"
	held "$way" argv $((tries / 10 + 1)) -e 'deny exec sh -c "exit 1"'
done
held thread dirfd "$tries" -e "deny read $here/no/**"
exit $failed
