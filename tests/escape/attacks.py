"""Attacks from within a session; each must fail.

Run by attacks.sh in a throw-away home: secret/ and its files may not be read or
written, hid/ is hidden, fake/.env has a stand-in, ro may not be written. Prints
each attack that worked; the exit status is 1 if any did.
"""
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import threading

HOME = os.environ["HOME"]
SECRET = HOME + "/secret/key"
OUTSIDE = int(os.environ["OUTSIDE"])
MARK = b"TOPSECRET"
libc = ctypes.CDLL(None, use_errno=True)
worked = []


def attack(name, function, *arguments):
    """A refusal is an OSError; what returns something true has worked."""
    try:
        if function(*arguments):
            worked.append(name)
    except OSError:
        pass


def reads(path, dir_fd=None):
    fd = os.open(path, os.O_RDONLY, dir_fd=dir_fd)
    try:
        return MARK in os.read(fd, 4096)
    finally:
        os.close(fd)


def call(number, *arguments):
    """A raw call: did it succeed?"""
    wide = [a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *wide)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return True


def links():
    os.symlink(SECRET, "l1")
    for i in range(1, 6):
        os.symlink("l%d" % i, "l%d" % (i + 1))
    os.symlink(HOME + "/secret", "ld")
    os.symlink("/proc/self/root" + SECRET, "lp")
    home = os.open(HOME, os.O_PATH)
    pinned = os.open(SECRET, os.O_PATH)
    directory = os.open(HOME + "/secret", os.O_PATH)
    ways = ["l1", "l6", "ld/key", "lp", "../secret/key", "./../secret/./key",
            "/proc/self/root" + SECRET, "/proc/self/cwd/../secret/key",
            "/proc/thread-self/root" + SECRET,
            "/proc/%d/root%s" % (os.getpid(), SECRET),
            "/proc/self/fd/%d" % pinned, "/dev/fd/%d" % pinned,
            "/proc/self/fd/%d/key" % directory, "//" + SECRET, "hard",
            "hardfake", "hardhid", "plain", HOME + "/led/a.pem", HOME + "/hid/x", "/proc/self/fd/%d/secret/key" % home]
    for way in ways:
        attack("read " + way, reads, way)
    attack("read by dirfd", reads, "secret/key", home)
    attack("read by dirfd of it", reads, "key", directory)
    os.chdir(HOME + "/secret")
    attack("read from within", reads, "key")
    os.chdir(HOME + "/work")


def names():
    hidden = HOME + "/hid/x"
    for name, function in (
            ("stat", os.stat), ("lstat", os.lstat), ("readlink", os.readlink),
            ("listxattr", os.listxattr), ("statvfs", os.statvfs),
            ("unlink", os.unlink), ("chdir", os.chdir), ("truncate", lambda p: os.truncate(p, 0)),
            ("O_PATH", lambda p: os.open(p, os.O_PATH)),
            ("chmod", lambda p: os.chmod(p, 0o600)),
            ("exec", lambda p: subprocess.call([p]))):
        for path in (hidden, HOME + "/hid", HOME + "/hid/none"):
            try:
                function(path)
                worked.append("hidden: %s %s" % (name, path))
            except OSError as error:
                if error.errno != errno.ENOENT:
                    worked.append("hidden shows by %s: %s" % (name, error))
    if "hid" in os.listdir(HOME):
        worked.append("hidden is listed")
    if os.access(HOME + "/hid", os.F_OK):
        worked.append("hidden by access")


def changes():
    work = HOME + "/work/"
    for name, function in (
            ("link", lambda: os.link(SECRET, work + "n")),
            ("rename", lambda: os.rename(SECRET, work + "n")),
            ("rename the directory", lambda: os.rename(HOME + "/secret", work + "n")),
            ("rename its parent", lambda: os.rename(HOME, HOME + "2")),
            ("create", lambda: open(HOME + "/secret/new", "w")),
            ("create through a link", lambda: open("ld/new2", "w")),
            ("mkdir", lambda: os.mkdir(HOME + "/secret/d")),
            ("symlink", lambda: os.symlink("/", HOME + "/secret/s")),
            ("chmod by descriptor", lambda: os.fchmod(os.open("hardro", os.O_RDONLY), 0o777)),
            ("utime by descriptor", lambda: os.utime(os.open("hardro", os.O_RDONLY))),
            ("write by link", lambda: open("hardro", "a")),
            ("truncate by link", lambda: os.truncate("hardro", 0)),
            ("a name made later", lambda: open(HOME + "/later/.key", "w")),
            ("unlink", lambda: os.unlink(SECRET))):
        def run(function=function):
            function()
            return True
        attack(name, run)
    os.rmdir(HOME + "/later")
    os.mkdir("elsewhere")
    os.symlink("elsewhere", "lead")
    os.symlink("elsewhere", "lead2")
    for name, function in (
            ("a link where a rule keeps what is below", lambda: os.symlink("work/elsewhere", HOME + "/later")),
            ("the same by renaming", lambda: os.rename("lead", HOME + "/later")),
            ("by a hard link of it", lambda: os.link("lead2", HOME + "/later", follow_symlinks=False))):
        def lead(function=function):
            function()
            return True
        attack(name, lead)
    os.mkdir(HOME + "/later")
    attack("by exchanging", call, 316, -100, b"lead2", -100, (HOME + "/later").encode(), 2)
    os.mkdir("over")
    attack("exchange", call, 316, -100, b"over", -100,
           (HOME + "/secret").encode(), 2)
    attack("move over", call, 316, -100, b"over", -100,
           (HOME + "/secret").encode(), 0)

    def tmpfile():
        fd = os.open(HOME + "/work", os.O_TMPFILE | os.O_RDWR, 0o600)
        os.link("/proc/self/fd/%d" % fd, HOME + "/secret/t", follow_symlinks=True)
        return True
    attack("O_TMPFILE", tmpfile)


def standins():
    with open(HOME + "/fake/.env", "w") as file:
        file.write("CHANGED=1\n")
    attack("stand-in", reads, HOME + "/fake/.env")
    attack("stand-in renamed out", lambda: os.rename(HOME + "/fake/.env", "out") or True)


def processes():
    child = os.fork()
    if child == 0:
        signal.pause()
    for pid in (os.getppid(), int(os.environ["RUNNER"]), OUTSIDE):
        for name in ("environ", "mem", "maps", "cmdline", "auxv", "fdinfo", "io",
                     "stack", "syscall", "task/%d/environ" % pid,
                     "task/%d/mem" % pid):
            attack("/proc/%d/%s" % (pid, name),
                   lambda p: os.read(os.open(p, os.O_RDONLY), 1) is not None,
                   "/proc/%d/%s" % (pid, name))
        for name in ("root", "cwd", "exe", "fd/0"):
            attack("/proc/%d/%s" % (pid, name),
                   lambda p: os.stat(p), "/proc/%d/%s" % (pid, name))
        for name in ("kill", "stop"):
            attack("%s %d" % (name, pid), lambda p: os.kill(p, 0) or True, pid)
        attack("setpriority", lambda p: os.setpriority(os.PRIO_PROCESS, p, 19) or True, pid)
        attack("sched", lambda p: os.sched_setaffinity(p, {0}) or True, pid)
        attack("ptrace", call, 101, 16, pid, 0, 0)
        attack("prlimit", call, 302, pid, 7, 0, 0)
        fd = os.pidfd_open(pid)
        attack("pidfd_send_signal", call, 424, fd, 0, 0, 0)
        attack("pidfd_getfd", call, 438, fd, 0, 0)
    for name in ("mem", "environ", "maps", "cmdline"):
        attack("/proc/1/" + name,
               lambda p: os.read(os.open(p, os.O_RDONLY), 1) is not None,
               "/proc/1/" + name)
    for name in ("mem", "task/%d/mem" % child):
        attack("a sibling's " + name,
               lambda p: os.open(p, os.O_RDWR), "/proc/%d/%s" % (child, name))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def calls():
    for name, number, *arguments in (
            ("unshare user", 272, 0x10000000), ("unshare mount", 272, 0x20000),
            ("unshare with high bits", 272, 0x110000000),
            ("clone3", 435, 0, 0), ("setns", 308, 0, 0), ("chroot", 161, b"/"),
            ("mount", 165, b"/", b"/mnt", b"", 4096, 0), ("umount", 166, b"/", 0),
            ("pivot_root", 155, b"/", b"/"), ("open_tree", 428, -100, b"/", 1),
            ("io_uring", 425, 1, 0), ("userfaultfd", 323, 0), ("bpf", 321, 0, 0, 0),
            ("keyctl", 250, 0, -3, 0), ("add_key", 248, b"user", b"a", b"b", 1, -3),
            ("open_by_handle_at", 304, -100, 0, 0), ("perf", 298, 0, 0, -1, -1, 0),
            ("personality", 135, 8), ("PR_SET_MM", 157, 35, 1, 0, 0, 0),
            ("TIOCSTI", 16, 0, 0x5412, b"x"), ("TIOCSTI, high bits", 16, 0, 0x100005412, b"x"),
            ("TIOCLINUX", 16, 0, 0x541c, b"\x02"), ("acct", 163, b"x"),
            ("process_vm_readv", 310, OUTSIDE, 0, 0, 0, 0, 0),
            ("x32", 0x40000000 + 39)):
        def run(number=number, arguments=arguments):
            child = os.fork()
            if child == 0:
                try:
                    call(number, *arguments)
                    os._exit(1)
                except OSError:
                    os._exit(0)
            status = os.waitpid(child, 0)[1]
            return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1
        attack(name, run)
    # It may be set; whether the signal comes is seen when the test has ended.
    for pid in (OUTSIDE, os.getppid()):
        ours, theirs = socket.socketpair()
        try:
            call(72, ours.fileno(), 8, pid)
            call(72, ours.fileno(), 10, signal.SIGKILL)
            call(72, ours.fileno(), 4, os.O_ASYNC)
            theirs.send(b"x")
        except OSError:
            pass
    attack("AF_PACKET", lambda: socket.socket(17, socket.SOCK_RAW, 0))
    attack("AF_VSOCK", lambda: socket.socket(40, socket.SOCK_STREAM, 0))
    for fd in range(3, 64):
        try:
            os.fstat(fd)
            if MARK in os.pread(fd, 64, 0):
                worked.append("descriptor %d came along" % fd)
        except OSError:
            pass


def sockets():
    def connect(path):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(path)
        return True
    theirs = HOME + "/out.sock"
    number = os.stat(theirs).st_ino
    attack("a socket of outside", connect, theirs)
    ours = socket.socket(socket.AF_UNIX)
    ours.bind("own.sock")
    ours.listen()
    connect("own.sock")
    os.rename("own.sock", "moved.sock")
    connect(HOME + "/work/moved.sock")
    os.rename(theirs, "own.sock")
    attack("one of outside in the place of ours", connect, "own.sock")
    os.rename("own.sock", "moved.sock")
    attack("one of outside over ours", connect, "moved.sock")
    attack("a link to it", lambda: os.symlink("moved.sock", "s") or connect("s"))

    def swap(stop, done):
        while not stop.is_set():
            for names in (("moved.sock", "raced.sock"), ("raced.sock", "moved.sock")):
                try:
                    os.rename(*names)
                except OSError:
                    pass
        done.set()
    stop, done = threading.Event(), threading.Event()
    threading.Thread(target=swap, args=(stop, done)).start()
    for _ in range(200):
        with socket.socket(socket.AF_UNIX) as one:
            try:
                one.bind("raced.sock")
            except OSError:
                continue
        for name in ("raced.sock", "moved.sock"):
            try:
                if os.stat(name).st_ino == number:
                    attack("one that took our name", connect, name)
                else:
                    os.unlink(name)
            except OSError:
                pass
    stop.set()
    done.wait()


def programs():
    for name in (["/proc/self/root" + HOME + "/bin/no"], ["nolink"], ["nohard"],
                 ["/lib64/ld-linux-x86-64.so.2", HOME + "/bin/no"],
                 ["/lib64/ld-linux-x86-64.so.2", "--argv0", "x", HOME + "/bin/no"]):
        attack("exec " + " ".join(name), lambda n: subprocess.call(n) == 0, name)


def own_files():
    for place in (os.environ["STATE"] + "/interpose", os.environ["RUN"] + "/interpose"):
        for way in (os.listdir, os.unlink, os.rmdir):
            attack("%s %s" % (way.__name__, place), lambda w, p: w(p) or True, way, place)
        attack("write " + place, lambda p: open(p + "/x", "w"), place)


os.chdir(HOME + "/work")
# First, while every number below 64 is as the program got it.
for step in (calls, links, names, changes, standins, sockets, processes, programs, own_files):
    try:
        step()
    except Exception as error:  # a broken test is no success
        worked.append("%s: %r" % (step.__name__, error))
for line in worked:
    print("WORKED:", line)
sys.exit(bool(worked))
