#!/bin/sh
# What the loader opens before a program begins, against the same bare and without
# the fence: that it goes by the gate, and that what a policy says of libraries
# still holds.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
source=$(cd "$(dirname "$0")" && pwd)
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: the loader is changed on x86-64 only"; exit 77; }
! grep -q __asan_init "$interpose" ||
	{ echo "SKIP: a supervisor with a sanitizer has another loader's calls"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/loader.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
. "$source/held.sh"
has_gate ||
	{ echo "SKIP: no fence, or no library for programs: $(cat "$here/why")"; exit 77; }
# A program with many libraries, which says nothing of its session.
many=$here/many
cp "$interpose" "$many"
libraries=$(ldd "$many" | grep -c '=> /\(usr/\)\?lib')
[ "$libraries" -ge 8 ] || { echo "FAILED: it has but $libraries libraries"; exit 1; }

# -- few calls come to the supervisor -----------------------------------------------
few=$(count "$many" --version)
all=$(fence=off count "$many" --version)
[ "${few:-9999}" -lt "$libraries" ] && [ "${all:-0}" -gt "$libraries" ] ||
	{ echo "FAILED: $few of $all calls came for $libraries libraries"; failed=1; }

# -- libraries that a policy is about ------------------------------------------------
# The same with the fence and without, and as the policy says.
ruled() { # WANTED NAME COMMAND…
	wanted=$1 name=$2
	shift 2
	for mode in off auto; do
		fence=$mode files -q "$@" >"$here/ruled-$mode" 2>&1
		echo "status $?" >>"$here/ruled-$mode"
	done
	cmp "$here/ruled-off" "$here/ruled-auto" &&
		grep -q -e "$wanted" "$here/ruled-auto" && return
	echo "FAILED: $name"
	cat "$here/ruled-off" "$here/ruled-auto"
	failed=1
}
ruled 'libjansson.*cannot open shared object file' "a library that is refused" \
	-e 'deny read **/libjansson.so*' "$many" --version
ruled 'libjansson.*No such file' "one that is hidden" \
	-e 'hide read **/libjansson.so.?' "$many" --version
ruled 'status 0' "another one" -e 'deny read **/libother.so*' "$many" --version
# In a directory of one's own, below a name of the system's: what the loader may
# not read it looks for elsewhere, and what it reads here is no library.
mkdir -p lib/.secret
echo no library >lib/.secret/libjansson.so.4
ruled 'libjansson.*too short' "one that is read" \
	env LD_LIBRARY_PATH=lib/.secret "$many" --version
for way in lib/.secret ./lib/.secret "$here/work/lib/.secret" \
	"/usr/lib/../..$here/work/lib/.secret"; do
	ruled 'status 0' "one by $way" \
		-e "deny read $here/work/lib/.secret/**" \
		env LD_LIBRARY_PATH="$way" "$many" --version
done
ln -s /usr/lib/x86_64-linux-gnu lib/way
ruled 'status 0' "by a link" env LD_LIBRARY_PATH="$here/work/lib/way" "$many" --version
ruled 'status 0' "kept apart" -e 'hide read **/.secret/** by cat' "$many" --version

# -- programs for which there is no gate --------------------------------------------
# One that lies where the gate would.
if gcc -no-pie -fno-pie -Wl,-Ttext-segment=0x1f0000 -o low -x c - 2>/dev/null <<'EOF'
#include <stdio.h>
int main(void) { char t[9] = ""; FILE *f = fopen("d/there", "r"); return !f || !fgets(t, 9, f) || puts(t) < 0; }
EOF
then
	both "in the gate's place" ./low
fi
# Memory that was written to is not to be run (PR_SET_MDWE, Linux 6.3).
if python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null); then
	both "no memory that is written and run" "$python" -c "
import ctypes, os
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execvp('cat', ['cat', 'd/there'])"
fi
both "a loader that is asked" env LD_DEBUG=libs LD_DEBUG_OUTPUT="$here/debug" cat d/there
both "libraries that are there twice" env LD_PRELOAD=libc.so.6 cat d/there

exit $failed
