"""A person at a pty, which this script is; and what it finds of a session."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

INTERPOSE = os.environ.get("INTERPOSE", os.path.abspath("interpose"))
HOME = os.environ["HOME"]
ALL = ["--only", "-e", "allow read,write /**", "-e", "allow exec /**",
       "-e", "allow env *", "-e", "ask read %s/secret*" % HOME]
LIMIT = int(os.environ.get("LIMIT", "30"))
QUIET = 0.7  # so long nothing is typed before a key is an answer


class HeldUp(Exception):
    """The person was: what was to come within a time came later, and shows nothing."""


def again(case):
    """The case, once more where its person was held up, until nobody was."""
    def tries():
        for _ in range(20):
            try:
                return case()
            except HeldUp as error:
                print("again, %s: %s" % (case.__name__, error), flush=True)
        raise AssertionError("held up each time")
    return tries


class Terminal:
    """A terminal with a session on it; answers what terminals are asked."""

    def __init__(self, argv, rows=24, columns=80, replies=True):
        self.replies, self.seen, self.chatty = replies, b"", False
        self.tail, self.ready, self.out = b"", False, b""
        self.typed = time.monotonic()
        pid, self.fd = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ,
                        struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(argv[0], argv)
        self.pid, self.status = pid, None

    def read(self, timeout):
        if self.out:
            self.flush()
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            got = os.read(self.fd, 65536)
        except OSError:
            got = b""
        if not got:
            return None
        self.seen += got
        # Does the screen say that a key counts?
        self.tail = (self.tail + got)[-4096:]
        says = re.findall(rb"wants to|Not yet: |One key answers", self.tail)
        self.ready = bool(says) and says[-1] == b"One key answers"
        if self.chatty:
            self.report(got)
        elif self.replies:
            for row, column in re.findall(rb"\x1b\[(\d+);(\d+)H\x1b\[6n", got):
                self.type(b"\x1b[%s;%sR" % (row, column))
        return True

    def report(self, got):
        """Answer what is asked, in its order, with as many letters a as fit."""
        asked = re.compile(rb"\x1b\[(\d+);(\d+)H\x1b\[6n|\x1b\]11;\?\x07|"
                           rb"\x1bP\$qm\x1b\\\\|\x1b\[21t|\x1b\[6n")
        for found in asked.finditer(got):
            what = found.group()
            if found.group(1):
                answer = b"\x1b[%s;%sR" % found.groups()
            elif what[1:2] == b"]":
                answer = b"\x1b]11;rgb:aaaa/aaaa/aaaa\x07"
            elif what[1:2] == b"P":
                answer = b"\x1bP1$raaaam\x1b\\"
            elif what[2:4] == b"21":
                answer = b"\x1b]laaaa\x1b\\"
            else:
                answer = b"\x1b[1;1R"
            self.out += answer
        self.flush()

    def flush(self):
        """What the other side takes now; a terminal does not wait."""
        os.set_blocking(self.fd, False)
        try:
            self.out = self.out[os.write(self.fd, self.out[:4096]):]
        except BlockingIOError:
            pass
        os.set_blocking(self.fd, True)

    def until(self, text, what=None):
        """Wait for an event: bytes on the terminal."""
        text = text.encode() if isinstance(text, str) else text
        end = time.monotonic() + LIMIT
        while text not in self.seen:
            assert time.monotonic() < end, (what or text, self.seen[-3000:])
            assert self.read(0.2) is not None, (what or text, self.seen[-3000:])
        at = self.seen.index(text) + len(text)
        before, self.seen = self.seen[:at], self.seen[at:]
        return before

    def quiet(self, seconds):
        """What comes while nothing is typed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.read(0.05) is None:
                break
        return self.seen

    def type(self, keys):
        self.typed = time.monotonic()
        os.write(self.fd, keys.encode() if isinstance(keys, str) else keys)

    def type_on(self):
        """An a that comes too soon after what was typed before to be an answer."""
        before = self.typed
        self.type("a")
        late = time.monotonic() - before
        if late >= QUIET:
            os.kill(self.pid, signal.SIGTERM)
            self.wait()
            raise HeldUp("a key came %.1f s after another" % late)
        self.quiet(0.2)

    def answer(self, key):
        """Once the screen says that a key counts."""
        end = time.monotonic() + LIMIT
        while not self.ready:
            assert time.monotonic() < end, ("no key counts", self.seen[-3000:])
            self.read(0.2)
        self.type(key)
        self.ready, self.tail = False, b""

    def wait(self):
        end = time.monotonic() + LIMIT
        while True:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.read(0):
                    pass
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(("does not end", self.seen[-2000:]))


def session(program, *options, **how):
    return Terminal([INTERPOSE, "-q", *ALL, *options, "sh", "-c", program],
                    **how)


def appears(path):
    end = time.monotonic() + LIMIT
    while not os.path.exists(path):
        assert time.monotonic() < end, "no " + path
        time.sleep(0.01)


def control(t=None):
    """The socket: the same question; the first answer counts."""
    base = os.environ["XDG_RUNTIME_DIR"] + "/interpose"
    live = [d for d in os.listdir(base)
            if os.path.exists("%s/%s/control" % (base, d))]
    assert len(live) == 1, live
    s = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(base + "/" + live[0])
    try:
        s.connect("control")
    finally:
        os.chdir(here)
    return s.makefile("rw")


def log():
    out = subprocess.run([INTERPOSE, "log", "--json"], stdout=subprocess.PIPE)
    return [e for e in map(json.loads, out.stdout.splitlines())
            if e["event"] == "ask"]
