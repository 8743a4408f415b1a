"""What asks, in the session, for asking-held.py: asking_held_inside.py CASE DIRECTORY"""
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time

CASE, HERE = sys.argv[1:]
PATH = HERE + "/asked"


def made(path=PATH):
    """Opened by a call that Python does not make again by itself."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.open(path.encode(), os.O_WRONLY | os.O_CREAT, 0o600)
    return "opened" if fd >= 0 else os.strerror(ctypes.get_errno())


def interrupted(again):
    libc = ctypes.CDLL(None)
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda _: print("signal", flush=True))
    libc.signal(signal.SIGUSR1, handler)
    libc.siginterrupt(signal.SIGUSR1, 0 if again else 1)
    end = made()
    # Where the handler does not restart calls, what has waited for long may be told so.
    while not again and end == os.strerror(errno.EINTR):
        end = made()
    return end


def connect():
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    try:
        with socket.create_connection(other.getsockname()):
            return "connected"
    except OSError as error:
        return error.strerror


def start():
    try:
        return subprocess.run(["/bin/echo", "started"], stdout=subprocess.PIPE, check=True,
                              text=True).stdout.strip()
    except OSError as error:
        return error.strerror


def beside(then):
    """Another thread asks, and this one goes on."""
    threading.Thread(target=made, daemon=True).start()
    while os.listdir(HERE) != ["go"]:
        time.sleep(0.01)
    return then()


def child():
    pid = os.fork()
    if pid == 0:
        made()
        os._exit(1)
    return str(os.WTERMSIG(os.waitpid(pid, 0)[1]))


def stopped():
    """A stop is told to the parent while the question is open, as ever."""
    pid = os.fork()
    if pid == 0:
        os._exit(made() != "opened")
    print(os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]), flush=True)
    os.kill(pid, signal.SIGCONT)
    return str(os.waitpid(pid, 0)[1])


def many():
    """One after another, each by a thread that has two things to ask about."""
    for number in range(15):
        with open("%s/from%d" % (HERE, number), "wb"):
            pass
    for number in range(15):
        try:
            os.rename("%s/from%d" % (HERE, number), "%s/to%d" % (HERE, number))
        except OSError as error:
            print(error.strerror, end=" ")
    return "%d moved" % len([name for name in os.listdir(HERE) if name.startswith("to")])


CASES = {
    "open": made, "connect": connect, "start": start, "child": child, "stopped": stopped,
    "again": lambda: interrupted(True), "interrupted": lambda: interrupted(False),
    "exit": lambda: beside(lambda: os._exit(0)), "many": many,
    "exec": lambda: beside(lambda: os.execv("/bin/echo", ["echo", "another"])),
}
print(CASES[CASE](), flush=True)
