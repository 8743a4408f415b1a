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
	both "nothing left in the gate's place" "$python" -c "
import ctypes, os
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execvp('grep', ['grep', '-c', '^001f0000-', '/proc/self/maps'])"
fi
both "a loader that is asked" env LD_DEBUG=libs LD_DEBUG_OUTPUT="$here/debug" cat d/there
both "libraries that are there twice" env LD_PRELOAD=libc.so.6 cat d/there

# -- loaders that are not the system's ------------------------------------------------
# How much stands behind the loader's code? And copies of the loader: one with
# something there, one with another instruction before its calls of access(2), one
# with another build ID, which may keep its data elsewhere.
cat >loaders.c <<'EOF'
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
static char file[4 << 20];
static long behind(const char *base, int mapped)
{
	const Elf64_Ehdr *head = (const void *)base;
	const Elf64_Phdr *parts = (const void *)(base + head->e_phoff);
	for (int i = 0; i < head->e_phnum; i++)
		if (parts[i].p_type == PT_LOAD && parts[i].p_flags & PF_X)
			return (long)((mapped ? parts[i].p_vaddr : parts[i].p_offset) + parts[i].p_filesz);
	return 0;
}
static int put(const char *name, size_t size)
{
	FILE *to = fopen(name, "w");
	return !to || fwrite(file, 1, size, to) != size || fclose(to);
}
int main(int count, char **words)
{
	static const char call[] = "\xb8\x15\0\0\0\x0f\x05", other[] = "\x31\xc0\xb0\x15\x90\x0f\x05";
	int found = 0;
	if (count > 4) {
		FILE *from = fopen(words[1], "r");
		size_t size = from ? fread(file, 1, sizeof(file), from) : 0;
		if (!size)
			return 1;
		char *room = file + behind(file, 0) + 100;
		*room = 1;
		if (put(words[2], size))
			return 1;
		*room = 0;
		for (char *at = file; !found && at < file + 1024; at++)
			if (memcmp(at, "GNU", 4) == 0)
				at[4]++, found = !put(words[4], size), at[4]--;
		if (!found)
			return 1;
		for (char *at = file; at < file + size - 7; at++)
			if (memcmp(at, call, 7) == 0)
				memcpy(at, other, 7), found = 2;
		return found < 2 || put(words[3], size);
	}
	const char *base = (const char *)getauxval(AT_BASE);
	for (long at = behind(base, 1); at % 4096; at++)
		found += base[at] != 0;
	return printf("%d\n", found) < 0;
}
EOF
mkdir room call build
file=ld-linux-x86-64.so.2
if gcc -o loaders loaders.c 2>/dev/null &&
	./loaders "/lib64/$file" "room/$file" "call/$file" "build/$file"; then
	chmod 755 "room/$file" "call/$file" "build/$file"
	[ "$(./loaders)" = 0 ] && [ "$(held -q ./loaders)" -gt 100 ] ||
		{ echo "FAILED: the loader is not changed: $(held -q ./loaders)"; failed=1; }
	for which in room call build; do
		gcc -o "loaders-$which" -Wl,--dynamic-linker="$PWD/$which/$file" loaders.c
		both "another loader: $which" "./loaders-$which"
	done
fi

exit $failed
