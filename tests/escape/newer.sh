#!/bin/sh
# Entries, calls of newer kernels, and calls that are not what they seem (newer.c):
# bare most of them work, in a session none does. As root, and as an ordinary user.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
newer=$PWD/tests/escape/newer
user=54321
here=$(mktemp -d "${TMPDIR:-/tmp}/newer.XXXXXX") || exit 99
sleep 1000 &
outside=$!
trap 'kill $outside $other; rm -rf "$here"' EXIT
other=$outside
chmod 755 "$here"
cp "$newer" "$here/newer" && cp /bin/true "$here/true" || exit 99
chmod 755 "$here/newer"
failed=0

as() { # WHO COMMAND…
	who=$1
	shift
	if [ "$who" = user ] && [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=$user --regid=$user --clear-groups "$@"
	else
		"$@"
	fi
}

fresh() { # WHO
	rm -rf "$here/d" "${here:?}/home"
	mkdir -p "$here/d" "$here/home"
	echo TOPSECRET >"$here/d/secret"
	echo hello >"$here/d/open"
	cp "$here/true" "$here/d/no"
	cp "$here/true" "$here/d/yes"
	chmod -R 755 "$here/d"
	if [ "$1" = user ] && [ "$(id -u)" -eq 0 ]; then
		chown -R $user:$user "$here/d" "$here/home"
	fi
	# The file system may have no attributes.
	python3 -c 'import os, sys
for name in ("secret", "other"):
    os.setxattr(sys.argv[1], "user." + name, b"TOPSECRET")' "$here/d/secret" 2>/dev/null
}

try() { # WHO FENCE
	fresh "$1"
	as "$1" env -i PATH=/usr/bin:/bin HOME="$here/home" LC_ALL=C \
		XDG_STATE_HOME="$here/home" timeout 300 "$interpose" -q --fence "$2" \
		--only -e 'allow read,write /**' -e 'allow env *' \
		-e "allow exec $here/newer" -e "allow exec $here/d/yes" \
		-e "deny read,write $here/d/secret" "$here/newer" "$here/d" "$other" \
		>"$here/worked" 2>&1
	status=$?
	[ $status -eq 0 ] && [ ! -s "$here/worked" ] && return
	echo "FAILED: as $1, --fence $2, with status $status:"
	cat "$here/worked"
	failed=1
}

fresh root
timeout 300 "$here/newer" "$here/d" "$outside" >"$here/bare"
echo "bare: $(wc -l <"$here/bare") work"
[ "$(wc -l <"$here/bare")" -ge 10 ] || {
	echo "FAILED: bare, too few work for the test to tell"
	cat "$here/bare"
	failed=1
}
for fence in off auto; do
	try root $fence
done
if [ "$(id -u)" -eq 0 ] && as user test -x "$interpose" -a -r "${interpose%/*}/interpose-shim.so" 2>/dev/null; then
	setpriv --reuid=$user --regid=$user --clear-groups sleep 1000 &
	other=$!
	for fence in off auto; do
		try user $fence
	done
fi
exit $failed
