#!/bin/sh
# What a hostile program tries from within, in a throw-away home: tests of files,
# names, processes, calls and programs, listed in attacks.py.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: numbers of x86-64"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/attacks.XXXXXX") || exit 99
outside=
trap 'kill $outside; rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
script=$(cd "${srcdir:-.}" && pwd)/tests/escape/attacks.py
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
STATE=$XDG_STATE_HOME RUN=$XDG_RUNTIME_DIR RUNNER=$$
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR STATE RUN RUNNER
mkdir -m 700 "$here/run" "$here/state" "$HOME"
cd "$HOME" && mkdir secret hid fake work bin later led || exit 99
echo TOPSECRET >secret/key
echo TOPSECRET >hid/x
echo KEY=TOPSECRET >fake/.env
echo as-before >ro
cp /bin/true bin/no
ln secret/key work/hard
ln hid/x work/hardhid
ln fake/.env work/hardfake
ln ro work/hardro
echo TOPSECRET >work/plain
ln -s ../work/plain led/a.pem
ln bin/no work/nohard
ln -s ../bin/no work/nolink
sleep 300 &
outside=$!
OUTSIDE=$outside
export OUTSIDE
# One that listens, and does what it is told.
python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print(flush=True)
s.accept()' "$HOME/out.sock" >listening &
outside="$outside $!"
until [ -s listening ]; do kill -0 $! || exit 99; done
before=$(stat -c '%a %y' ro)
failed=0
timeout 60 "$interpose" -q --only -C work -e 'allow read,write /**' \
	-e 'allow exec /**' -e 'allow env *' \
	-e 'allow connect self' -e 'allow listen unix:/**' \
	-e "deny read,write $HOME/secret/**" -e "hide read $HOME/hid/**" \
	-e "fake read $HOME/fake/.env as dotenv" -e "deny write $HOME/ro" \
	-e "hide read $HOME/led/*.pem" -e "deny write $HOME/later/.key" -e "deny exec $HOME/bin/no" \
	python3 "$script" 7<secret/key || { echo "status $?"; failed=1; }
# What the next session would begin with: installed in the home, as it may be.
cp "$interpose" bin/ && timeout 60 bin/interpose -q --only -C work \
	-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' sh -c '
	rm -f bin/interpose
	mv bin/interpose bin/other
	mv bin bin2
	chmod a-x bin/interpose
	ln -sf /bin/true bin/interpose' 2>bin/said
cmp -s "$interpose" bin/interpose && [ -x bin/interpose ] || {
	echo "FAILED: the program itself"
	failed=1
}
# Names that command a terminal, and very many, in what is said at the end.
mkdir cloud && timeout 60 "$interpose" --only -C work -e 'allow read,write /**' \
	-e 'allow exec /**' -e 'allow env *' -e "fake read $HOME/cloud/** as keys" \
	python3 -c 'import os
for name in (b"\xc2\x9b31m", b"\x9b31m", b"\x1b]0;x\x07", b"\xe2\x80\xae"):
    open(b"cloud/0" + name, "w").close()
for i in range(100):
    open("cloud/file%d" % i, "w").close()' 2>said
[ "$(grep -c cloud said)" -gt 4 ] && [ "$(wc -l <said)" -lt 30 ] || {
	echo "FAILED: what is said at the end"; cat -v said
	failed=1
}
LC_ALL=C tr -d '\n -~' <said | cmp -s - /dev/null || {
	echo "FAILED: it holds what is not plain text"
	failed=1
}
# A home in /var, as services have it: second names of what it keeps are kept, too.
var=$(mktemp -d /var/tmp/attacks.XXXXXX) && mkdir "$var/home" "$var/work" || exit 99
trap 'kill $outside; rm -rf "$here" "$var"' EXIT
echo as-before >"$var/home/rc"
ln "$var/home/rc" "$var/work/hard"
for fence in off auto; do
	(cd "$var/work" && HOME=$var/home "$interpose" -q --fence $fence -C . \
		-e 'deny write ~/rc' sh -c 'cat hard; echo changed >>hard') >"$var/said" 2>&1
	[ "$(cat "$var/home/rc")" = as-before ] && grep -q as-before "$var/said" ||
		{ echo "FAILED: a second name below /var, --fence $fence"; failed=1; }
done
# And of what a pattern matches only some levels below where it begins.
mkdir -p "$var/home/keep/on/this/level"
echo TOPSECRET >"$var/home/keep/on/this/level/key"
ln "$var/home/keep/on/this/level/key" "$var/work/deep"
# shellcheck disable=SC2088 # the policy's own
for rule in '~/keep/**/key' '~/keep/on*/*/*/key' '~/*/on/*/**'; do
	for fence in off auto; do
		(cd "$var/work" && HOME=$var/home "$interpose" -q --fence $fence -C . \
			-e "hide read $rule" cat deep) >"$var/said" 2>&1
		grep -q TOPSECRET "$var/said" &&
			{ echo "FAILED: a second name of what $rule keeps, --fence $fence"; failed=1; }
	done
done
same() {
	[ "$1" = "$2" ] || { echo "FAILED: $3: '$1' is not '$2'"; failed=1; }
}
same "$(ls -A secret)" key "the protected directory"
same "$(cat secret/key)" TOPSECRET "the secret"
same "$(cat fake/.env)" KEY=TOPSECRET "the real file of a stand-in"
same "$(cat ro)" as-before "the read-only file"
same "$(stat -c '%a %y' ro)" "$before" "its mode and times"
kill -0 "$OUTSIDE" || { echo "FAILED: the process outside"; failed=1; }
exit $failed
