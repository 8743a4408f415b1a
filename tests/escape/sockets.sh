#!/bin/sh
# Which unix sockets may be connected to is said by their names. A socket of a program
# outside of the session, which may not be, gets no name at which it may: not by a link,
# not by a move of it or of its directory, with the kernel's fence or without, by a
# policy of one's own or by the built-in one. The session's own sockets can be moved.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
interpose=${INTERPOSE:-$PWD/interpose}
script=$(cd "${srcdir:-.}" && pwd)/tests/escape/sockets.py
profiles=$(cd "${srcdir:-.}" && pwd)/profiles
here=$(mktemp -d "${TMPDIR:-/tmp}/sockets.XXXXXX") || exit 99
serves=
trap '[ -z "$serves" ] || kill "$serves"; rm -rf "$here"' EXIT
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$here/run" "$HOME"

attack() { # COMMAND…: in a new project, beside a new place with sockets
	rm -rf "$HOME/project" "$HOME/place"
	mkdir "$HOME/project" "$HOME/place"
	rm -f "$here/ready"
	mkfifo "$here/ready"
	python3 -B "$script" serve "$HOME/place" "$here/ready" &
	serves=$!
	[ "$(timeout 60 cat "$here/ready")" = ready ] ||
		{ echo "the sockets were not made"; exit 99; }
	(cd "$HOME/project" && timeout 120 "$@" python3 -B "$script" attack "$HOME/place") \
		>"$here/reached" 2>&1
	kill $serves
	wait $serves 2>/dev/null
	serves=
}
attack env
[ "$(wc -l <"$here/reached")" -eq 10 ] || {
	echo "FAILED: bare, not all of the ways lead to a socket:"
	cat "$here/reached"
	exit 1
}
# The place is one that programs of a session may write to, as /tmp and ~/.cache are.
cat >"$here/policy" <<EOF
allow read,write $HOME/place/**
allow read /**
allow exec /**
EOF
failed=0
held() { # NAME COMMAND…
	name=$1
	shift
	attack "$@"
	[ "$(cat "$here/reached")" = own ] && return
	echo "FAILED: $name: beside own, or without it:"
	cat "$here/reached"
	failed=1
}
for fence in off auto strict; do
	held "--fence $fence" "$interpose" -q --only --ask deny --fence $fence -C "$HOME/project" \
		-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' \
		-e "allow connect self unix:$HOME/project/**" -e 'allow listen unix:/**'
	held "the built-in policy, --fence $fence" "$interpose" -q --only --ask deny \
		--fence $fence -C "$HOME/project" -p "$profiles/base" -p "$here/policy"
done
exit $failed
