#!/bin/sh
# Programs with the shim, against the same programs bare: what they print, and
# their status. That the shim is there is seen by its gate in their memory; that it
# makes their calls, by how few come to the supervisor.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
tools=$PWD/tests/shim
source=$(cd "$(dirname "$0")" && pwd)
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: programs are preloaded on x86-64 only"; exit 77; }
! grep -q __asan_init "$interpose" ||
	{ echo "SKIP: a supervisor with a sanitizer has another libc's calls"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/shim.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
. "$source/held.sh"
if ! has_gate; then
	grep -q 'no fence' "$here/why" || "$interpose" -v --fence auto --only \
		-e 'allow read,write,exec /**' true 2>&1 | grep -q 'no fence' &&
		{ echo "SKIP: $(cat "$here/why"): no fence here"; exit 77; }
	echo "FAILED: a program of the session has no gate"
	cat "$here/why" "$here/maps"
	exit 1
fi

# -- single calls, signals, threads -------------------------------------------
for what in errors listings raw starts registers stacks tight cancel hammer; do
	both "$what" "$tools/programs" "$what" d
done
both "a filter of its own" "$tools/filtered" d
both "another name space" "$tools/spaces"

# -- the environment ------------------------------------------------------------
both "the environment" env -u OLDPWD -u _ "$tools/programs" begin d
both "an environment of one" env -i A=1 "$tools/programs" begin d
both "none" sh -c "exec env -i env"
both "none in /proc" env -i cat /proc/self/environ
both "/proc" sh -c 'tr "\0" "\n" </proc/self/environ | grep -v "^_="'
both "cleared in a shell" sh -c 'unset LD_PRELOAD; env | grep -c LD_'
both "a library of the program's own" env LD_PRELOAD="$tools/wrapper.so" cat d/there
both "and how it is seen" env -i LD_PRELOAD="$tools/wrapper.so" "$tools/programs" begin d
both "one that is not there" env -i LD_PRELOAD="$here/none.so" env
both "an empty one" env -i LD_PRELOAD= A=2 env
both "two" env -i LD_PRELOAD=libm.so.6 A=3 LD_PRELOAD=libm.so.6 env
both "ldd" sh -c 'ldd /bin/true | sed "s/(.*//"'
both "the loader as a program" sh -c '/lib64/ld-linux-x86-64.so.2 /bin/cat d/there'
both "little memory" sh -c 'ulimit -v 20000; cat d/there'
both "too little memory" sh -c 'ulimit -v 1000; cat d/there 2>/dev/null || echo no'
both "what starts many" sh -c 'i=0; while [ $i -lt 50 ]; do (cat d/there | cat) & i=$((i + 1)); done; wait'

# -- sanitizers, where a compiler has them ---------------------------------------
cat >s.c <<'END'
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static void *look(void *p) { struct stat s; for (int i = 0; i < 50; i++) if (stat(p, &s)) return p; return NULL; }
int main(void)
{
	pthread_t t;
	void *bad = NULL;
	char *path = malloc(10);
	snprintf(path, 10, "d/there");
	pthread_create(&t, NULL, look, path);
	void *own = look(path);
	pthread_join(t, &bad);
	printf("%d %d %d\n", own != NULL, bad != NULL, open(path, O_RDONLY) >= 0);
	free(path);
	return 0;
}
END
for which in "gcc address" "clang address" "gcc thread"; do
	compiler=${which% *} kind=${which#* }
	command -v "$compiler" >/dev/null &&
		"$compiler" -fsanitize="$kind" s.c -o s -lpthread 2>/dev/null &&
		./s >/dev/null 2>&1 || continue
	# A sanitizer that looks for leaks wants to trace, which a session refuses.
	both "$compiler -fsanitize=$kind" env ASAN_OPTIONS=detect_leaks=0 ./s
done
# A program that is linked statically has no loader: trapped, and right.
if gcc -static -o s -x c - 2>/dev/null <<'END'
#include <stdio.h>
int main(void) { FILE *f = fopen("d/there", "r"); char t[9] = ""; printf("%d %s", f != NULL, f ? fgets(t, 9, f) : ""); return 0; }
END
then
	both "a static program" ./s
fi

# -- names, and what the fence refuses --------------------------------------------
mkdir -p p/sub .secret
echo yes >p/file
mkdir -p place/app place/other/app free/app
echo no >place/app/x
echo yes >free/app/x
echo no >p/.env
echo no >p/sub/.env
echo no >.secret/key
ln -s ../.secret/key p/way
cat >names.sh <<'END'
cat p/.env p/way .secret/key p/file 2>&1
ls -a p/sub
test -e .secret && echo there
cat p/../.secret/key ./p/./sub/.env 2>&1
for way in place/app place/./app/ p/../place/app place/app/x "$PWD/place/app/x" \
	free/app free/app/x "$PWD/free/app/x"; do
	stat -c %n "$way" 2>&1
done
find place free 2>&1
cd place && stat -c %n app app/x other/app 2>&1
mkdir app 2>&1
cd ../free && stat -c %n app app/x 2>&1
mkdir new new/app && echo new >new/app/x && cat new/app/x ../free/new/app/x
rm -r new
END
names() {
	timeout 60 "$interpose" -q --fence "$1" --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' \
		-e "hide read $here/work/.secret/**" -e 'deny read **/.env' \
		-e "hide read $here/work/place/app/**" \
		sh names.sh >"$here/$1" 2>&1
}
names off
names auto
cmp "$here/off" "$here/auto" ||
	{ echo "FAILED: with the fence the policy says something else"; diff "$here/off" "$here/auto"; failed=1; }
grep -qx no "$here/auto" && { echo "FAILED: a secret was read"; failed=1; }

# Programs that are soon done with are started without the library in the end:
# to them the policy says the same.
cat >again.sh <<'END'
i=0
while [ $i -lt 40 ]; do
	cat p/.env p/way p/file place/app/x 2>&1
	[ -e .secret/key ] && echo there
	i=$((i + 1))
done
END
again() {
	timeout 60 "$interpose" -q --fence "$1" --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' \
		-e "hide read $here/work/.secret/**" -e 'deny read **/.env' \
		-e "hide read $here/work/place/app/**" \
		sh again.sh >"$here/again-$1" 2>&1
}
again off
again auto
cmp "$here/again-off" "$here/again-auto" ||
	{ echo "FAILED: started again the policy says something else"; failed=1; }
[ "$(grep -cx yes "$here/again-auto")" = 40 ] && ! grep -qx no "$here/again-auto" ||
	{ echo "FAILED: started again another file is read"; failed=1; }

# -- few calls come to the supervisor -----------------------------------------------
mkdir many
(cd many && for i in $(seq 800); do : >"$i"; done)
few=$(count sh -c 'for i in 1 2 3 4 5; do cat many/* >/dev/null; done')
all=$(fence=off count sh -c 'for i in 1 2 3 4 5; do cat many/* >/dev/null; done')
[ "${few:-9999}" -lt $((all / 20)) ] ||
	{ echo "FAILED: $few of $all calls came to the supervisor"; failed=1; }

# A tree is listed without the supervisor.
mkdir tree
(cd tree && seq -f d%g 300 | xargs mkdir && for i in d*; do : >"$i/f"; done)
for command in 'ls -R tree' 'find tree -type f' 'grep -r text tree'; do
	few=$(count $command)
	[ "${few:-9999}" -lt 60 ] ||
		{ echo "FAILED: $command: for 300 directories $few calls came"; failed=1; }
done
few=$(count "$tools/programs" raw d)
[ "${few:-9999}" -lt 100 ] ||
	{ echo "FAILED: of 300 calls by syscall(2) $few came"; failed=1; }
# With several threads, where glibc from 2.41 on makes each open at another place.
# The program itself: what is on PATH may be a script that chooses one.
if python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null); then
	few=$(count "$python" -c "import os, threading
def opens():
    for i in range(2000): os.close(os.open('d', os.O_RDONLY))
threads = [threading.Thread(target=opens) for i in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()")
	[ "${few:-9999}" -lt 400 ] ||
		{ echo "FAILED: of 4000 opens of two threads $few came"; failed=1; }
fi
# A name that a rule hides in one place is nothing special in another.
mkdir -p fenced/app
(cd fenced/app && for i in $(seq 300); do : >"$i"; done)
few=$(count -e "hide read $here/work/place/app/**" sh -c 'cat fenced/app/*; cd fenced && cat app/*')
[ "${few:-9999}" -lt 100 ] ||
	{ echo "FAILED: below a name that is hidden elsewhere $few calls came"; failed=1; }
# Programs that are not there, on the way along PATH.
few=$(count env PATH="$(seq -f "$here/work/tree/d%g" -s : 300):$PATH" sh -c 'exec true')
[ "${few:-9999}" -lt 100 ] ||
	{ echo "FAILED: on the way along 300 directories $few calls came"; failed=1; }

# Where a listing is filtered, it is whatever the end of it says; and a program in
# a stand-in is told the name that it stands for.
mkdir -p hidden/inner faked
for i in $(seq 60); do : >"hidden/$i"; done
echo k=secret >faked/.env
told() { # FENCE
	timeout 60 "$interpose" -q --fence "$1" --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' -e "hide read $here/work/hidden/1*" \
		-e "fake read $here/work/faked/** as keys" \
		sh -c 'ls -a hidden; ls hidden | wc -l; cd hidden/inner && /bin/pwd -P; cd ../../faked && /bin/pwd -P; ls -a' \
		>"$here/told.$1" 2>&1
}
told off
told auto
cmp "$here/told.off" "$here/told.auto" ||
	{ echo "FAILED: listings, with the fence"; diff "$here/told.off" "$here/told.auto"; failed=1; }
grep -qx 50 "$here/told.auto" && grep -qx "$here/work/faked" "$here/told.auto" ||
	{ echo "FAILED: what is listed, where it is"; cat "$here/told.auto"; failed=1; }
# What comes to be in a fenced tree meanwhile, by a name that is hidden, is not
# listed either.
mkfifo go come
for fence in off auto; do
	rm -f tree/late
	(read -r _ <come && : >tree/late && : >tree/other && echo >go) &
	told=$(timeout 60 "$interpose" -q --fence $fence --only -e 'allow read,write,exec /**' \
		-e 'allow env *' -e "hide read $here/work/**/late" \
		sh -c 'ls tree >/dev/null; echo >come; read -r line <go; ls tree | grep -x -e late -e other')
	[ "$told" = other ] || { echo "FAILED: --fence $fence, of what came late: $told"; failed=1; }
	wait
done
exit $failed
