#!/bin/sh
# The question in a popup of tmux, in GNU screen and by ssh, to a server of the test's own: shown,
# answered with one key, and then the screen, cell by cell, and the terminal's
# modes are as they were. For root, and for an ordinary user.
set -u
for tool in tmux python3; do
	command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
source=$(cd "$(dirname "$0")" && pwd)
INTERPOSE=${INTERPOSE:-$PWD/interpose}
export INTERPOSE
if [ "$(id -u)" -eq 0 ] && [ -z "${WITHIN-}" ] && unshare -m true 2>/dev/null; then
	# Where sshd finds its directory, and an account for the ordinary user.
	WITHIN=1 exec unshare -m --propagation private "$0"
fi
here=$(mktemp -d "${TMPDIR:-/tmp}/terminals.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
LC_ALL=C.UTF-8 TERM=screen
export LC_ALL TERM
one() { # DIRECTORY COMMAND…: in a home of its own
	home=$here/$1
	shift
	env HOME="$home" XDG_STATE_HOME="$home/state" XDG_RUNTIME_DIR="$home/run" \
		XDG_CONFIG_HOME="$home/config" TMPDIR="$home" \
		timeout 300 "$@" python3 -B "$source/asking-terminals.py"
}
mkdir "$here/own" && mkdir -m 700 "$here/own/run" || exit 99
[ -z "${WITHIN-}" ] || { mount -t tmpfs none /run && mkdir -m 755 /run/sshd; } || exit 99
one own || exit
[ -n "${WITHIN-}" ] || exit 0
as="setpriv --reuid=54321 --regid=54321 --clear-groups"
if ! (cd / && $as "$INTERPOSE" --version && $as env python3 -c '' &&
	$as test -r "$source/asking-terminals.py") >/dev/null 2>&1; then
	echo "no ordinary user can be made here that may run it"
	exit 0
fi
{
	cat /etc/passwd
	echo "tester:x:54321:54321::$here/user:/bin/sh"
} >"$here/passwd"
# A terminal's group is given by the mount of /dev/pts, or it is who opened it: a
# sshd that is not root can make it no other.
if grep -q 'devpts.*gid=' /proc/mounts; then
	cp /etc/group "$here/group"
else
	sed '/^tty:/d' /etc/group >"$here/group"
fi
mount --bind "$here/passwd" /etc/passwd && mount --bind "$here/group" /etc/group ||
	exit 99
chmod 711 "$here"
mkdir "$here/user" && mkdir -m 700 "$here/user/run" && chown -R 54321 "$here/user" ||
	exit 99
# shellcheck disable=SC2086 # words
one user $as env
