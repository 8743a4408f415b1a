#!/bin/sh
# A program of the session keeps those waiting who open its file, by a lease
# (fcntl(2)), and there are more of them than the supervisor has workers: nobody
# else waits, and what they come to is what they come to bare.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
[ "$(cat /proc/sys/fs/lease-break-time)" -ge 30 ] &&
	[ "$(cat /proc/sys/fs/leases-enable)" -eq 1 ] ||
	{ echo "SKIP: leases are taken away early here"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/leases.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
script=$(cd "${srcdir:-.}" && pwd)/tests/escape/leases.py
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$here/run" "$HOME"
mkdir "$HOME/work" && cd "$HOME/work" || exit 99
timeout 300 python3 -B "$script" >"$here/bare" 2>&1 || {
	echo "SKIP: no leases here: $(tail -n 1 "$here/bare")"
	exit 77
}
failed=0
for fence in off auto; do
	timeout 300 "$interpose" -q --only --fence $fence -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' python3 -B "$script" >"$here/held" 2>&1 &&
		cmp -s "$here/bare" "$here/held" || {
		echo "FAILED: --fence $fence:"
		diff "$here/bare" "$here/held"
		failed=1
	}
done
exit $failed
