#!/bin/sh
# A question that nobody sees is told to the desktop: by a notify-send that is
# root's, not by one that the user, and so the session, could have written.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
source=$(cd "$(dirname "$0")" && pwd)
INTERPOSE=${INTERPOSE:-$PWD/interpose}
export INTERPOSE
as="setpriv --reuid=54321 --regid=54321 --clear-groups"
here=$(mktemp -d /tmp/notice.XXXXXX) || exit 99
trap 'rm -rf "$here"' EXIT
chmod 755 "$here"
mkdir "$here/kept" "$here/told" "$here/home" "$here/own" "$here/run" || exit 99
# Root's program writes where it is told to; the environment is not its way.
cat >"$here/kept/notify-send" <<END
#!/bin/sh
printf '<%s>\n' "\$@" >$here/told/new
/usr/bin/env | /usr/bin/tr '\n' ' ' >>$here/told/new
printf '\nend\n' >>$here/told/new
END
cat >"$here/own/notify-send" <<END
#!/bin/sh
: >$here/home/planted
END
chmod 755 "$here/kept/notify-send" "$here/own/notify-send"
chmod 700 "$here/run"
if [ "$(id -u)" -ne 0 ]; then
	echo "SKIP: only root can make a program that is root's"
	exit 77
elif ! (cd / && $as "$INTERPOSE" --version && $as env python3 -c '' &&
	$as test -r "$source/terminal.py") >/dev/null 2>&1; then
	echo "SKIP: no ordinary user can be made here that may run it"
	exit 77
fi
chown 54321 "$here/told" "$here/home" "$here/own" "$here/own/notify-send" "$here/run"
# shellcheck disable=SC2086 # words
cd "$here" && HOME=$here/home XDG_STATE_HOME=$here/home/state XDG_RUNTIME_DIR=$here/run \
	XDG_CONFIG_HOME=$here/home/config TERM=xterm NO_COLOR=1 PYTHONDONTWRITEBYTECODE=1 \
	timeout 200 $as env -u DBUS_SESSION_BUS_ADDRESS python3 "$source/asking-notice.py" \
	"$here/kept" "$here/own" "$here/told/new"
