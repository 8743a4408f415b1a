#!/bin/sh
# With a fence, programs do as bare: those outside of it run too, by whatever way
# they are started; terminals open; and what is not fenced is decided as ever.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/fence.XXXXXX") || exit 99
here=$(cd "$here" && pwd -P)
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$HOME" "$here/run" "$here/state" "$here/project"
cd "$here/project" || exit 99
failed=0

# Not of the fence: they stand beside an exception, and come to be there later.
cat >job <<'END'
cp /bin/echo ./prog
./prog program "$@"
printf '#!/bin/sh\necho script "$0" "$@"\n' >script
printf '#!/bin/sh -e\necho with an argument "$0" "$@"\nfalse\necho not here\n' >argued
printf '#!./script of a script\n' >nested
printf '#!/nowhere\n' >broken
printf 'echo no line\n' >plain
chmod +x script argued nested broken plain
./script a 'b c' ''
./argued x
echo "status $?"
./nested y
(./broken) 2>/dev/null; echo "status $?"
./plain
PATH=.:$PATH script by its name
cp /bin/readlink ./link && ./link /proc/self/exe | sed "s|$PWD|.|"
cp /bin/ls ./list && ./list -l /proc/self/exe | sed "s|.*$PWD|.|"
ln -s prog linked && ./linked by a link
env -i ./prog with no environment
big=$(head -c 200000 /dev/zero | tr '\0' x)
(./prog "$big" >/dev/null) 2>/dev/null; echo "status $?"
i=0
while [ $i -lt 20 ]; do ./prog number $i & ./script number $i & i=$((i + 1)); done | sort | cksum
wait
cat .hidden/key 2>/dev/null; echo "status $?"
mkdir made && echo text >made/file && mv made/file made/other && cat made/other && rm -r made
END
mkdir .hidden && echo TOPSECRET >.hidden/key

run() { # FENCE
	rm -f prog script argued nested broken plain link list linked
	timeout 120 "$interpose" -q --fence "$1" -C . -e "hide read $here/project/.hidden/**" \
		sh ./job a 'b  c' >"$here/$1" 2>&1 </dev/null || { echo "FAILED: $1, status $?"; cat "$here/$1"; failed=1; }
}
run off
for fence in auto strict; do
	run $fence
	cmp -s "$here/off" "$here/$fence" || {
		echo "FAILED: otherwise with --fence $fence"
		diff "$here/off" "$here/$fence"
		failed=1
	}
done
grep -q TOPSECRET "$here/auto" && { echo "FAILED: the hidden file"; failed=1; }
grep -q '^program a b  c$' "$here/auto" && grep -q '^\./link$' "$here/auto" ||
	{ echo "FAILED: what ran"; cat "$here/auto"; failed=1; }

# Threads and children with the same memory, a stopped one, and terminals.
if python=$(python3 -c 'import sys; print(sys.base_prefix)' 2>/dev/null); then
	cat >many.py <<'END'
import fcntl, os, pty, signal, subprocess, threading
def start(i):
    for _ in range(20):
        out = subprocess.run(["./script", str(i)], capture_output=True, text=True)
        assert out.stdout == "script ./script %d\n" % i, out
        pid = os.posix_spawn("./prog", ["prog", "x" * i], os.environ, file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
        assert os.waitpid(pid, 0)[1] == 0
threads = [threading.Thread(target=start, args=(i,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
master, slave = pty.openpty()
assert os.isatty(slave)
pid, fd = pty.fork()
if pid == 0:
    os.execv("./script", ["script", "on a terminal"])
text = b""
try:
    while b"\n" not in text:
        text += os.read(fd, 100)
except OSError:
    pass
assert b"on a terminal" in text, text
os.waitpid(pid, 0)
pid = os.fork()
if pid == 0:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    os.execv("./status", ["status", "SigBlk", "/proc/self/status"])
assert os.waitpid(pid, 0)[1] == 0
# A directory of which not all is listed.
fd = os.open("veiled", os.O_RDONLY | os.O_DIRECTORY)
os.fsync(fd)
fcntl.flock(fd, fcntl.LOCK_EX)
os.fchmod(fd, 0o755)
for _ in range(2):
    assert sorted(os.listdir(fd)) == ["other", "seen"], os.listdir(fd)
assert os.listdir(os.dup(fd)) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECTORY
assert os.open("seen", os.O_RDONLY, dir_fd=fd) < 200
out = subprocess.run(["ls", "/proc/self/fd/%d/" % fd], pass_fds=[fd], capture_output=True, text=True)
assert out.stdout == "other\nseen\n", out
assert [sorted(names) for _, _, names, _ in os.fwalk("veiled")] == [["other", "seen"]]
print("all ran")
END
	mkdir veiled && for name in seen other key; do echo TOPSECRET >veiled/$name; done
	cp "$(command -v grep)" status
	timeout 120 "$interpose" -q --fence auto -C . -e "hide read $here/project/.hidden/**" \
		-e "hide read $here/project/veiled/key" -e "allow read,exec $python/**" "$python/bin/python3" many.py >"$here/many" 2>&1 </dev/null || { echo "FAILED: many, status $?"; failed=1; }
	tail -1 "$here/many" | grep -q 'all ran' || { cat "$here/many"; failed=1; }
	# SIGUSR1 alone is blocked, as before the exec.
	grep -q '^SigBlk:.0000000000000200$' "$here/many" || { echo "FAILED: the signal mask"; cat "$here/many"; failed=1; }
fi

# What the log has: the program by its name.
"$interpose" log --exec --json 2>/dev/null | grep -q "\"exe\":\"$here/project/prog\"" ||
	{ echo "FAILED: the log"; "$interpose" log --exec --json | tail -3; failed=1; }

# What the session starts is in the fence by itself, and runs from its file.
cp "$(command -v grep)" own && runs=$("$interpose" -q --fence auto -C . \
	-e "hide read $here/project/.hidden/**" ./own -c /own /proc/self/maps)
[ "${runs:-0}" -gt 0 ] || { echo "FAILED: the session's own program was copied"; failed=1; }

# Where some programs are granted what others are not, there is one as well: links
# go by the supervisor, what is no link does not.
ln -s real linked-file && echo real >real
for rule in "allow read $here/x by git" "allow env X under git"; do
	"$interpose" -v -C . -e "$rule" cat real linked-file >"$here/apart" 2>&1
	[ "$(grep -c '^real$' "$here/apart")" = 2 ] && ! grep -q 'no fence' "$here/apart" ||
		{ echo "FAILED: $rule"; cat "$here/apart"; failed=1; }
done
# What is faked and not there is listed, where its whole name is known.
mkdir sub
for fence in off auto; do
	listed=$("$interpose" -q --fence $fence -C . -e "fake read $PWD/made as empty" \
		-e "fake read $PWD/sub/.token as empty" -e "fake read $PWD/**/.env as dotenv" \
		-e "deny read $PWD/not" ls -A . sub | grep -cx -e made -e .token -e .env -e not)
	[ "$listed" = 2 ] || { echo "FAILED: $listed stand-ins listed, --fence $fence"; failed=1; }
done
# It is the default, the user's own default comes before that, and an option first.
came() { # WHAT OPTION…: how many calls came to the supervisor
	shift
	"$interpose" -v -C . "$@" sh -c 'for i in 1 2 3 4 5 6 7 8; do test -e real; done' 2>&1 |
		sed -n 's/^interpose: \([0-9]*\) calls came.*/\1/p'
}
unset INTERPOSE_FENCE
on=$(came "the default") off=$(came off --fence off)
[ "$on" -lt "$off" ] || { echo "FAILED: $on calls by default, $off without a fence"; failed=1; }
[ "$(INTERPOSE_FENCE=off came "the user's")" = "$off" ] &&
	[ "$(INTERPOSE_FENCE=off came "the option" --fence auto)" = "$on" ] ||
	{ echo "FAILED: INTERPOSE_FENCE"; failed=1; }
INTERPOSE_FENCE=often "$interpose" true 2>&1 | grep -q 'INTERPOSE_FENCE=often: not one of' ||
	{ echo "FAILED: a wrong value of the variable"; failed=1; }

# Programs outside of it run from memory, where memory is not executable unless
# it is asked to be, too: vm.memfd_noexec, in a name space of processes of ours.
memory='echo 1 >/proc/sys/vm/memfd_noexec && exec "$@"'
if unshare -Urpf --mount-proc sh -c "$memory" x true 2>/dev/null; then
	[ "$(unshare -Urpf --mount-proc sh -c "$memory" x "$interpose" -q --fence auto \
		-C . --only -e 'allow read,write,exec /**' -e 'allow env *' \
		-e "deny read $PWD/prog" ./prog from memory)" = "from memory" ] ||
		{ echo "FAILED: with vm.memfd_noexec"; failed=1; }
fi

# Said, where there is none.
"$interpose" -v --fence auto --log all true 2>&1 | grep -q 'no fence: --log all' ||
	{ echo "FAILED: --log all"; failed=1; }
"$interpose" --fence sometimes true 2>&1 | grep -q 'not one of' || { echo "FAILED: a wrong value"; failed=1; }
"$interpose" policy show --fence -C . -e "hide read $here/project/.hidden/**" >"$here/shown" || failed=1
grep -q '^read  *.*/usr/\*\*$' "$here/shown" && grep -q 'hide read .*\.hidden' "$here/shown" ||
	{ echo "FAILED: policy show"; cat "$here/shown"; failed=1; }
"$interpose" policy show --fence --json -C . | grep -q '"trees"' || { echo "FAILED: json"; failed=1; }

# Git's directory is gone through as the project is, where it lies elsewhere, too;
# trees of tools are not, beyond a bound.
git init -q "$here/main" && git -C "$here/main" -c user.name=t -c user.email=t@example.com \
	commit -q --allow-empty -m one && git -C "$here/main" worktree add -q "$here/tree" || failed=1
mkdir -p "$HOME/.cargo/registry"
i=0
while [ $i -lt 200 ]; do
	mkdir "$here/main/.git/objects/more$i" "$HOME/.cargo/registry/crate$i"
	i=$((i + 1))
done
"$interpose" policy show --fence -C "$here/tree" >"$here/shown" || failed=1
grep -q "^read  *$here/main/.git/\*\*\$" "$here/shown" ||
	{ echo "FAILED: the repository of a worktree"; grep main "$here/shown" | head; failed=1; }
grep -q "^read  *$here/home/.cargo/registry/\*\*\$" "$here/shown" &&
	{ echo "FAILED: a tree of tools is gone through without a bound"; failed=1; }
# Which file a descriptor of one's own is: told at once, by the short way, and where a
# rule speaks against it not at all, as by the long one.
for rule in 'deny read /nowhere' 'hide read /proc' 'hide read /proc/self' 'hide read /proc/*/fd' \
	'hide read /proc/*/fd/5' 'hide read /proc/self/**' 'hide read /proc/*/fd/**'; do
	for way in /proc/self/fd/5 /proc/self/./fd/5; do
		"$interpose" -q --only -C . -e 'allow read,exec /**' -e 'allow env *' -e "$rule" \
			sh -c 'exec readlink "$1" 5<real' sh $way
		echo "status $?"
	done >"$here/own" 2>&1
	wanted="$here/project/real status 0"
	[ "$rule" = "${rule#hide}" ] || wanted='status 1'
	[ "$(tr "\n" " " <"$here/own")" = "$wanted $wanted " ] ||
		{ echo "FAILED: a descriptor's name, $rule"; cat "$here/own"; failed=1; }
done
exit $failed
