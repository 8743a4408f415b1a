"""What a process of a session can do to one outside: nothing.

Run with the id of a process of the same user outside the session; the parent is
the supervisor. Prints each thing that worked; the exit status is 1 if any did.
Every write and read is allowed by the policy: what refuses them is the fence.
"""
import ctypes
import errno
import fcntl
import os
import signal
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
worked = []
done = 0
buffer = ctypes.create_string_buffer(64)
one_cpu = ctypes.create_string_buffer(b"\1" + bytes(127))


def attack(name, function):
    global done
    done += 1
    try:
        if function():
            worked.append(name)
    except OSError as error:
        # A number that nobody has would prove nothing.
        if error.errno == errno.ESRCH:
            worked.append(name + ": ESRCH")


def call(number, *arguments):
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if libc.syscall(ctypes.c_long(number), *wide) < 0:
        raise OSError(ctypes.get_errno(), "")
    return True


def opened(path, flags):
    os.close(os.open(path, flags | os.O_NONBLOCK))
    return True


def written(path):
    """Some may be opened, as they are read by ps; the kernel takes writes to
    them from the process itself alone."""
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, b"1")
    finally:
        os.close(fd)


def seen(path):
    """Names of what may be read there are no way to write."""
    os.close(os.open(path, os.O_WRONLY))
    return True


def through_pidfd(pid, function):
    fd = os.pidfd_open(pid)
    try:
        return function(fd)
    finally:
        os.close(fd)


for pid in (int(sys.argv[1]), os.getppid()):
    for name in ("oom_score_adj", "oom_adj", "autogroup", "coredump_filter",
                 "clear_refs", "comm", "timerslack_ns", "loginuid", "setgroups",
                 "uid_map", "attr/current", "mem"):
        attack("write %s of %d" % (name, pid),
               lambda: written("/proc/%d/%s" % (pid, name)))
    for name in ("comm", "task/%d/comm" % pid, "loginuid", "status"):
        attack("open %s of %d for writing" % (name, pid),
               lambda: seen("/proc/%d/%s" % (pid, name)))
    for name in ("environ", "mem", "maps", "smaps", "smaps_rollup", "stack",
                 "syscall", "auxv", "pagemap", "personality", "io", "limits",
                 "cmdline", "mountinfo", "timers", "fd", "fdinfo", "map_files",
                 "cwd", "root", "exe", "fd/0", "ns/mnt",
                 "task/%d/environ" % pid, "task/%d/fd" % pid):
        attack("read %s of %d" % (name, pid),
               lambda: opened("/proc/%d/%s" % (pid, name), os.O_RDONLY))
    for name, *arguments in (
            ("kill", 62, pid, signal.SIGSTOP), ("kill 0", 62, pid, 0),
            ("killpg", 62, -os.getpgid(pid), signal.SIGSTOP),
            ("tkill", 200, pid, signal.SIGSTOP),
            ("tgkill", 234, pid, pid, signal.SIGSTOP),
            ("rt_sigqueueinfo", 129, pid, signal.SIGSTOP, buffer),
            ("rt_tgsigqueueinfo", 297, pid, pid, signal.SIGSTOP, buffer),
            ("prlimit64", 302, pid, 7, 0, buffer),
            ("setpriority", 141, 0, pid, 10),
            ("sched_setaffinity", 203, pid, 128, one_cpu),
            ("sched_setscheduler", 144, pid, 3, bytes(8)),
            ("sched_setparam", 142, pid, bytes(8)),
            ("sched_setattr", 314, pid, struct.pack("IIQiIQQQ", 48, 3, 0, 0, 0, 0, 0, 0), 0),
            ("ioprio_set", 251, 1, pid, 3 << 13),
            ("migrate_pages", 256, pid, 8, buffer, buffer),
            ("move_pages", 279, pid, 0, 0, 0, 0, 0),
            ("PTRACE_SEIZE", 101, 0x4206, pid, 0, 0),
            ("PTRACE_ATTACH", 101, 16, pid, 0, 0),
            ("process_vm_readv", 310, pid, 0, 0, 0, 0, 0),
            ("process_vm_writev", 311, pid, 0, 0, 0, 0, 0),
            ("kcmp", 312, pid, os.getpid(), 0, 0, 0),
            ("get_robust_list", 274, pid, buffer, buffer),
            ("PR_SCHED_CORE, to it", 157, 62, 2, pid, 0, 0)):
        attack("%s %d" % (name, pid), lambda: call(*arguments))
    for name, *arguments in (
            ("pidfd_send_signal", 424, signal.SIGSTOP, 0, 0),
            ("pidfd_getfd", 438, 0, 0),
            ("process_madvise", 440, buffer, 0, 21, 0),
            ("process_mrelease", 448, 0)):
        attack("%s %d" % (name, pid), lambda: through_pidfd(
            pid, lambda fd: call(arguments[0], fd, *arguments[1:])))
    for request in range(0xff01, 0xff0b):
        attack("a namespace of %d" % pid, lambda: through_pidfd(
            pid, lambda fd: fcntl.ioctl(fd, request) >= 0))
    # Of its group and user, what is inside may change: fences.sh looks whether
    # it has.
    for number, which in ((141, 1), (251, 2)):
        for who in ((which, os.getpgid(pid)), (which + 1, 0), (which + 1, os.getuid())):
            try:
                call(number, *who, 10 if number == 141 else 3 << 13)
            except OSError:
                pass
    # A negative number is a group: of all that it could reach, none is outside.
    attack("kill -1", lambda: os.kill(-1, 0) and False)

print("%d tried, %d worked" % (done, len(worked)))
for name in worked:
    print("WORKED:", name)
sys.exit(1 if worked else 0)
