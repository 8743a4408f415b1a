#!/bin/sh
# Under what Docker's default seccomp profile refuses (pidfd_getfd and unshare
# among it), whole programs do the same as bare: as an ordinary user, and as a
# container's root.
set -u
# What a make around this test says is not for the makes in it.
unset MAKEFLAGS MAKELEVEL MFLAGS
scratch=$(mktemp -d /tmp/interpose-docker.XXXXXX) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$scratch"
cp interpose tests/e2e/docker-profile "$scratch" || exit 1

cat >"$scratch/work" <<'END'
set -e
cd "$1"
mkdir -p tree/a tree/b && umask 027
for n in 1 2 3 4 5 6 7 8; do echo "$n" >tree/a/f$n; done
ls tree/a | sort | wc -l
find . -type f | sort
chmod 600 tree/a/f1 && stat -c %a tree/a/f1 tree/a/f2
cat tree/a/* | tr 1-8 a-h | paste -s -d ' '
cp -r tree/a tree/c && rm -r tree/a && ls tree
if command -v git >/dev/null; then
	git init -q repo && cd repo
	git config user.name n && git config user.email n@example.com
	echo text >file && git add file && git commit -qm one
	git status --short && git log --format=%s && cd ..
fi
if command -v make >/dev/null; then
	printf 'all: x y\nx y:\n\techo $@ >$@\n' >Makefile && make -s -j2 && cat x y
fi
if command -v python3 >/dev/null; then
	python3 - <<'PY'
import os, shutil, socket, threading
a = socket.socket(socket.AF_UNIX); a.bind("s"); a.listen()
b = socket.socket(socket.AF_UNIX)
t = threading.Thread(target=lambda: b.connect("s")); t.start()
c, _ = a.accept(); t.join(); c.sendall(b"sent"); print(b.recv(9))
left, right = socket.socketpair()
r, w = os.pipe()
socket.send_fds(left, [b"fd"], [w])
_, fds, _, _ = socket.recv_fds(right, 9, 1)
os.write(fds[0], b"through"); print(os.read(r, 9))
names = []
def lists():
    for _ in range(100):
        names.append(len(os.listdir("tree/c")))
many = [threading.Thread(target=lists) for _ in range(4)]
[m.start() for m in many]; [m.join() for m in many]
print(set(names), len(names))
f = os.open("x", os.O_RDWR); os.fchmod(f, 0o640); print(oct(os.fstat(f).st_mode))
shutil.rmtree("tree"); print(os.path.exists("tree"))
PY
fi
END

# run NAME AS…: the workload bare and held, which must print the same.
run() {
	name=$1
	shift
	for way in bare held; do
		mkdir -p "$scratch/$name/$way" "$scratch/$name/home"
		[ "$name" = root ] || chown -R 65534:65534 "$scratch/$name" 2>/dev/null
	done
	(cd "$scratch/$name/bare" && HOME=$scratch/$name/home "$@" "$scratch/docker-profile" \
		sh "$scratch/work" "$PWD") >"$scratch/$name.bare" 2>&1 </dev/null
	(cd "$scratch/$name/held" && HOME=$scratch/$name/home "$@" "$scratch/docker-profile" \
		"$scratch/interpose" -q --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' -e 'allow connect,listen unix:/**' \
		sh "$scratch/work" "$PWD") >"$scratch/$name.held" 2>&1 </dev/null
	if ! cmp -s "$scratch/$name.bare" "$scratch/$name.held"; then
		echo "FAILED: $name"
		diff "$scratch/$name.bare" "$scratch/$name.held"
		failed=1
	fi
}

failed=0
if [ "$(id -u)" -ne 0 ]; then
	run user
else
	run root
	! command -v setpriv >/dev/null ||
		run user setpriv --reuid=65534 --regid=65534 --clear-groups
fi
exit $failed
