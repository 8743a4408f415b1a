#!/bin/sh
# A socket that was let have any port, for connecting, does not listen there; with
# no rule for it, nor with one that refuses it. Bare, each of the ways leads there.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
here=$(mktemp -d "${TMPDIR:-/tmp}/listening.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
HOME=$here XDG_STATE_HOME=$here/state
export HOME XDG_STATE_HOME
mkdir "$here/project"

timeout 120 ./listen_attack bare >"$here/bare"
for way in any-port unbound after-a-connection bound-again forgotten \
	raced-by-its-descriptor raced-by-its-address; do
	grep -qx "$way" "$here/bare" || {
		echo "FAILED: bare, $way does not listen"
		exit 1
	}
done
session() { # RULE…: of the attack, and what may be
	timeout 120 "$interpose" -q --only --ask deny -C "$here/project" \
		-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' \
		-e 'allow connect,listen 127.0.0.1:*' "$@" "$PWD/listen_attack" >"$here/held" 2>&1
	status=$?
	[ $status -eq 0 ] && [ ! -s "$here/held" ] && return
	echo "FAILED: $*: status $status, and it listens:"
	cat "$here/held"
	exit 1
}
session
# A rule that covers no port of the kernel's choice.
session -e 'allow listen 0.0.0.0:1-1000' -e 'allow listen [::]:1-1000'

# And one that may listen everywhere does, bound before or not, and is asked once.
session_all() {
	timeout 120 "$interpose" -q --only --ask deny -C "$here/project" --log all \
		-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' \
		-e 'allow connect,listen *:*' "$PWD/listen_attack"
}
session_all >"$here/all"
for way in any-port unbound after-a-connection; do
	grep -qx "$way" "$here/all" || { echo "FAILED: $way is not let listen"; exit 1; }
done
