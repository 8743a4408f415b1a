#!/bin/sh
# Ways around a rule for the network, against listeners that count what arrives:
# nothing may. Bare, the same attacks arrive, or the test would show nothing.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
here=$(mktemp -d "${TMPDIR:-/tmp}/netesc.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
HOME=$here XDG_STATE_HOME=$here/state
export HOME XDG_STATE_HOME
mkdir "$here/project"

timeout 120 ./net_victim ./net_attack >"$here/bare" 2>&1 && {
	echo "FAILED: bare, no attack arrived"
	cat "$here/bare"
	exit 1
}
timeout 120 ./net_victim "$interpose" -q --only -C "$here/project" \
	-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' \
	-e 'allow connect 127.0.0.1:@ALLOWED@' \
	-e 'allow connect udp:127.0.0.1:@ALLOWED@' \
	"$PWD/net_attack" || {
	echo "FAILED: an attack arrived"
	exit 1
}
