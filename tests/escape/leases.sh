#!/bin/sh
# A program of the session keeps those waiting who open its file, by a lease
# (fcntl(2)), and there are more of them than the supervisor has workers: nobody
# else waits, and what they come to is what they come to bare. Nor does anybody
# wait while an exec does, for a lease of its loader, and another thread of that
# process makes a call for which it would be stopped: the thread that stops them
# would wait as well.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
[ "$(cat /proc/sys/fs/lease-break-time)" -ge 30 ] &&
	[ "$(cat /proc/sys/fs/leases-enable)" -eq 1 ] ||
	{ echo "SKIP: leases are taken away early here"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/leases.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
script=$(cd "${srcdir:-.}" && pwd)/tests/escape/leases.py
execs=$PWD/tests/escape/lease_exec
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

# A program that has ./ld for its loader, where the fence does not let the kernel
# open it: there the thread is made to execute it, and nothing ends its wait.
real=$(python3 -B - "$execs" <<'EOF'
import os
import struct
import sys

with open(sys.argv[1], "rb") as file:
    image = bytearray(file.read())
start, size, count = (*struct.unpack_from("<Q", image, 32), *struct.unpack_from("<HH", image, 54))
for at in range(start, start + size * count, size):
    if struct.unpack_from("<I", image, at)[0] == 3:  # PT_INTERP
        offset, length = (struct.unpack_from("<Q", image, at + n)[0] for n in (8, 32))
        print(image[offset:offset + length - 1].decode())
        image[offset:offset + length] = b"./ld".ljust(length, b"\0")
os.mkdir("outside")
with open("outside/program", "wb") as file:
    file.write(image)
os.chmod("outside/program", 0o755)
EOF
)
cp "$real" ld && : >refused || exit 99
for call in chdir path exec refused; do
	[ "$("$execs" $call outside/program)" = "nobody else waits" ] || {
		echo "FAILED: bare: $call"
		failed=1
	}
	for fence in off auto; do
		said=$(timeout 300 "$interpose" -q --only --fence $fence --stack \
			-e 'allow read,write /**' -e "allow read $PWD/outside/** log" \
			-e "deny read $PWD/refused" -e 'allow exec /**' -e 'allow env *' \
			"$execs" $call outside/program)
		status=$?
		[ "$status $said" = "0 nobody else waits" ] || {
			echo "FAILED: --fence $fence: $call: status $status, $said"
			failed=1
		}
	done
done
exit $failed
