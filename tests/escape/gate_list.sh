#!/bin/sh
# Hostile code that lists directories at the gate: a name that is hidden in one is
# not had by any descriptor of it. See gate_list.c. GATE_TRIES tries the race.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/gate-list.XXXXXX") || exit 99
here=$(cd "$here" && pwd -P)
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
unset XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$here/run" "$here/state" "$here/bin"
cp "$PWD/tests/escape/gate_list" "$here/bin/gate_list"
cp "$PWD/tests/escape/gate_list" "$here/bin/holder"
top=$here/project
mkdir -p "$top/hid/below" "$top/open"
echo text >"$top/hid/SECRETNAME"
echo text >"$top/open/plain"
failed=0

session() { # FENCE RULES COMMAND…
	fence=$1 rules=$2
	shift 2
	timeout 200 "$interpose" -q --fence "$fence" --only --ask deny -C "$top" \
		-e 'allow read,write,exec /**' -e 'allow env *' -e "$rules" "$@"
}
tried() { # WHAT COMMAND…
	what=$1
	shift
	"$@" >"$here/out" 2>&1
	status=$?
	[ $status -eq 0 ] && ! grep -q FAILED "$here/out" && return
	echo "FAILED: $what, status $status"
	head -30 "$here/out"
	failed=1
}
hidden="hide read $top/hid/SECRETNAME"
lists=
for fence in auto strict off; do
	tried "--fence $fence" session $fence "$hidden" "$here/bin/gate_list" "$top" "${GATE_TRIES:-500}"
	[ $fence = off ] || ! grep -q '^lists in the fence' "$here/out" || lists=1
done
[ "$lists" ] || echo "(no Landlock of its third version here: nothing passed at the gate)"

# A directory that the session was started with, and one that it has no more.
tried "the input" session auto "$hidden" "$here/bin/gate_list" "$top" given 0 <"$top/hid"
tried "the output" session auto "$hidden" "$here/bin/gate_list" "$top" given 2 2<"$top/hid"
tried "another" session auto "$hidden" "$here/bin/gate_list" "$top" given 9 9<"$top/hid"

# Hidden from some only, or at another time: who sees it hands the directory on.
for rules in "hide read $top/hid/SECRETNAME under $here/bin/gate_list" \
	"hide read $top/hid/SECRETNAME by $here/bin/gate_list"; do
	tried "$rules" session auto "$rules" "$here/bin/holder" "$top" hand "$here/bin/gate_list"
done

# Without a session all of it works: else the above would show nothing. The race, if
# need be, at another time of a busy machine.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	"$here/bin/gate_list" "$top" 2000 >"$here/out" 2>&1
	! grep -q '^FAILED: by a thread' "$here/out" || break
done
for way in 'as it is' dup F_DUPFD sendmsg sendmmsg fchdir 'a child' 'by a thread' 'renaming it'; do
	grep -q "^FAILED: $way" "$here/out" || { echo "FAILED: bare, $way does not"; failed=1; }
done
exit $failed
