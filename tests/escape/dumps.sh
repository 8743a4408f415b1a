#!/bin/sh
# Where core dumps go to a program (apport, systemd-coredump), a limit of 0 does not
# keep them from it, and only a limit of 1 does: it is there, and hostile code does
# not get rid of it, by whatever call and of whatever process. As an ordinary user,
# and as root.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
# shellcheck disable=SC3045 # dash and busybox have it
[ "$(ulimit -H -c)" != 0 ] || { echo "SKIP: a hard limit of 0"; exit 77; }
interpose=${INTERPOSE:-$PWD/interpose}
python=/usr/bin/python3
[ -x $python ] || python=python3
here=$(mktemp -d "${TMPDIR:-/tmp}/dumps.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
chmod 755 "$here"
cat >"$here/dumps.py" <<'PYTHON'
import ctypes, errno, os, platform, resource, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
HIGH = 1 << 32
SETRLIMIT, PRLIMIT = {"x86_64": (160, 302), "aarch64": (164, 261)}[platform.machine()]
CORE = resource.RLIMIT_CORE

class Limit(ctypes.Structure):
    _fields_ = [("soft", ctypes.c_ulong), ("hard", ctypes.c_ulong)]

def call(number, *arguments):
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    done = libc.syscall(ctypes.c_long(number), *wide)
    return ctypes.get_errno() if done < 0 else 0

def shown(pid):
    with open("/proc/%d/limits" % pid, encoding="ascii") as file:
        return next(line.split()[4:6] for line in file if line.startswith("Max core"))

child = os.fork()
if child == 0:
    time.sleep(1000)
failed = []
def expect(what, found, wanted):
    if found != wanted:
        failed.append("%s: %r, not %r" % (what, found, wanted))
try:
    expect("at first", shown(os.getpid()), ["1", "1"])
    for soft, hard, error in ((0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, errno.EINVAL),
                              (2, 2, errno.EPERM), (2**64 - 1, 2**64 - 1, errno.EPERM)):
        new, old = Limit(soft, hard), Limit(7, 7)
        for way in ((SETRLIMIT, CORE, ctypes.byref(new)),
                    (SETRLIMIT, HIGH | CORE, ctypes.byref(new)),
                    (PRLIMIT, 0, CORE, ctypes.byref(new), 0),
                    (PRLIMIT, HIGH, HIGH | CORE, ctypes.byref(new), ctypes.byref(old)),
                    (PRLIMIT, os.getpid(), CORE, ctypes.byref(new), ctypes.byref(old)),
                    (PRLIMIT, child, CORE, ctypes.byref(new), 0)):
            what = "%r to %d, %d" % (way, soft, hard)
            expect(what, call(*way), error)
            for pid in (os.getpid(), child):
                expect(what, shown(pid), ["1", "1"])
        expect("the old one", (old.soft, old.hard), (7, 7) if error else (1, 1))
    expect("a bad address", call(SETRLIMIT, CORE, 8), errno.EFAULT)
    expect("of one outside", call(PRLIMIT, os.getppid(), CORE, ctypes.byref(Limit(0, 0)), 0),
           errno.EPERM)
    expect("asked", resource.prlimit(child, CORE), (1, 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    expect("others", resource.getrlimit(resource.RLIMIT_NOFILE), (100, 100))
finally:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
child = os.fork()
if child == 0:
    os.kill(os.getpid(), signal.SIGSEGV)
status = os.waitpid(child, 0)[1]
expect("crashed", (os.WTERMSIG(status), os.WCOREDUMP(status)), (signal.SIGSEGV, False))
for line in failed:
    print("WORKED:", line)
sys.exit(bool(failed))
PYTHON
failed=0
try() { # WHO…
	"$@" env HOME="$here/home" XDG_STATE_HOME="$here/home" timeout 60 "$interpose" -q --only \
		-C "$here/home/work" -e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' \
		$python -B "$here/dumps.py" >"$here/worked" 2>&1 && return
	echo "FAILED: $*: status $?"
	cat "$here/worked"
	failed=1
}
mkdir -p "$here/home/work"
try env
if [ "$(id -u)" -eq 0 ]; then
	user="setpriv --reuid=42042 --regid=42042 --clear-groups"
	rm -rf "${here:?}/home"
	mkdir -p "$here/home/work" && chown -R 42042:42042 "$here/home"
	# shellcheck disable=SC2086 # words
	if $user test -x "$interpose" -a -r "${interpose%/*}/interpose-shim.so" 2>/dev/null; then
		try $user
	fi
fi
exit $failed
