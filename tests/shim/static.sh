#!/bin/sh
# Programs that were linked with their libc, musl or glibc, against the same bare:
# what they print, and their status; that their file calls do not come to the
# supervisor; and that what is refused stays so.
set -u
source=$(cd "$(dirname "$0")" && pwd)
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: on x86-64 only"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/static.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
. "$source/held.sh"
has_gate ||
	{ echo "SKIP: no fence, or no library for programs: $(cat "$here/why")"; exit 77; }

make() { # NAME COMPILER OPTION…: makes the programs, or says that it cannot
	kind=$1
	shift
	echo 'int main(void) { return 0; }' >"$here/none.c"
	"$@" -o "$here/none" "$here/none.c" >"$here/why" 2>&1 ||
		{ echo "no program: $kind: $(tail -n 1 "$here/why")"; return 1; }
	for part in static programs filtered; do
		"$@" -D_GNU_SOURCE -std=gnu11 -O2 -pthread -I "$source/../.." \
			-o "$kind-$part" "$source/$part"*.c >"$here/why" 2>&1 ||
			{ echo "FAILED: $kind-$part: $(grep -m 1 error "$here/why")"; exit 1; }
	done
}

# The kernel's headers stand beside those of glibc.
headers="-idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch 2>/dev/null)"
kinds=
# shellcheck disable=SC2086
make musl musl-gcc -static $headers && kinds="$kinds musl"
make glibc gcc -static && kinds="$kinds glibc"
make pie gcc -static-pie -fPIE && kinds="$kinds pie"
[ "$kinds" ] || { echo "SKIP: no compiler makes a static program here"; exit 77; }

# Programs with glibc 2.41 or newer in them make their opens where a thread may be
# cancelled: those are still trapped.
opens_apart() { # KIND
	[ "$1" != musl ] && [ "$(getconf GNU_LIBC_VERSION | sed 's/.*\.//')" -ge 41 ]
}

for kind in $kinds; do
	for what in many calls storm threads forks; do
		both "$kind: $what" "./$kind-static" "$what" d
	done
	for what in errors listings raw starts registers stacks cancel hammer; do
		# musl reads a path before the kernel does, and dies of none.
		[ "$kind $what" = "musl errors" ] ||
			both "$kind: $what" "./$kind-programs" "$what" d
	done
	both "$kind: a filter of its own" "./$kind-filtered" d
	few=$(count "./$kind-static" many d)
	all=$(fence=off count "./$kind-static" many d)
	most=60
	! opens_apart "$kind" || most=$((all / 4))
	[ "${few:-9999}" -lt $most ] && [ "$all" -gt 2000 ] ||
		{ echo "FAILED: $kind: of $all calls $few came"; failed=1; }
	# A jump stands at the one site, and not at that which is entered.
	seen=$(held -q "./$kind-static" sites d)
	[ "$seen" = "e9 4c" ] ||
		{ echo "FAILED: $kind: at the sites stands $seen"; failed=1; }
done

# -- what is refused, or is not there -----------------------------------------------
for kind in $kinds; do
	secrets "$kind" 1 "./$kind-static" secret .
done

# -- where it cannot be put in ------------------------------------------------------
for kind in $kinds; do
	both "$kind: little memory" sh -c "ulimit -v 3000; ./$kind-static calls d"
	both "$kind: no addresses drawn" setarch -R "./$kind-static" calls d
done
# A program that lies where the copy or the gate would.
for low in 0x1e0000 0x1f0000 0x200000; do
	make "low-$low" gcc -static -no-pie "-Wl,-Ttext-segment=$low" &&
		both "a program at $low" "./low-$low-static" calls d
done
exit $failed
