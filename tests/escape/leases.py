"""What happens where somebody has a lease of a file, F_SETLEASE of fcntl(2): who
opens it waits until it is given up, or taken away, after 45 seconds. Prints what
came of it, bare and in a session the same; and exits with 1 where another program
had to wait as well, which has nothing to do with the file.
"""
import fcntl
import os
import signal
import subprocess
import sys
import time

OTHERS = 40  # who wait: more than there are workers
SHORT = 10  # seconds, under any load


def child(function):
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = function()
        finally:
            os._exit(status)
    return pid


def hold(kind):
    """A lease until killed. Told by a pipe when it is there."""
    come, go = os.pipe()

    def keep():
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        fcntl.fcntl(os.open("leased", os.O_RDONLY), fcntl.F_SETLEASE, kind)
        os.write(go, b"x")
        time.sleep(1000)
        return 0
    pid = child(keep)
    os.close(go)
    if os.read(come, 1) != b"x":
        sys.exit("no lease")
    os.close(come)
    return pid


def opened(flags):
    fd = os.open("leased", flags)
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK and 1


def truncated():
    os.truncate("leased", 2)
    return 0


def interrupted():
    class Told(Exception):
        pass

    def tell(*_):
        raise Told

    signal.signal(signal.SIGALRM, tell)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    try:
        os.open("leased", os.O_RDWR)
        return 1
    except Told:
        return 0


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def statuses(pids):
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def attack(name, kind, function):
    with open("leased", "w", encoding="ascii") as file:
        file.write("text")
    holder = hold(kind)
    waiting = [child(function) for _ in range(OTHERS)]
    start = time.monotonic()
    time.sleep(0.3)  # until they wait; where that is too short they do no harm
    for _ in range(20):
        subprocess.run(["/bin/true"], check=True, cwd="/")
        os.rename("leased", "other")
        os.rename("other", "leased")
    took = time.monotonic() - start
    told = statuses([child(interrupted)])
    try:
        os.open("leased", os.O_RDWR | os.O_NONBLOCK)
        print(name, "at once")
    except BlockingIOError:
        print(name, "would wait")
    done = os.waitid(os.P_PID, waiting[0], os.WEXITED | os.WNOHANG | os.WNOWAIT)
    end(holder)
    print(name, "done" if done else "waited", told, set(statuses(waiting)),
          os.stat("leased").st_size)
    if took > SHORT:
        print("WORKED: %s: another program waits, for %.0f s" % (name, took))
        sys.exit(1)


with open("leased", "w", encoding="ascii") as file:
    pass
for word, lease, what in (
        ("write", fcntl.F_RDLCK, lambda: opened(os.O_WRONLY)),
        ("append", fcntl.F_RDLCK, lambda: opened(os.O_WRONLY | os.O_APPEND)),
        ("create", fcntl.F_RDLCK, lambda: opened(os.O_RDWR | os.O_CREAT | os.O_TRUNC)),
        ("read", fcntl.F_WRLCK, lambda: opened(os.O_RDONLY)),
        ("truncate", fcntl.F_RDLCK, truncated)):
    attack(word, lease, what)
