"""What xterm.sh of the same directory drives: see there.

    xterm.py INTERPOSE NODE MODULE
"""
import base64
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

INTERPOSE, NODE, MODULE = sys.argv[1:4]
HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.environ["HOME"]
COLUMNS, ROWS, LIMIT = 90, 24, 60
OTHER = ("(read x <go; cat ~/secret >/dev/null 2>&1; echo >gone) & "
         'exec sh -c "$1"')
OWNER = r"""
import os, signal, sys
def draw(*_):
    os.write(1, b"\33[2J\33[3;7Hdrawn\33[8;2H")
signal.signal(signal.SIGWINCH, draw)
os.write(1, b"\33[?1049h\33[?1002h\33[?1006h\33[?2004h\33[?1h")
draw()
sys.stdin.readline()"""
CASES = (
    ("colours, half a line",
     'printf "\\033[31mred\\033[0m \\033[38;2;9;99;199mtext\\033[0m\\n'
     '\\033[5;10H\\033[1;44mhalf"; read x', "half"),
    ("modes", 'printf "modes\\033[?1h\\033=\\033[?1002h\\033[?1006h\\033[?2004h\\033[?1004h'
     '\\033[?25l\\033[4;4H"; read x', "modes"),
    ("bash's line editor", "exec bash --norc --noprofile -i", "prompt>"),
    ("an alternate screen, drawn again", "exec python3 -c '%s'" % OWNER, "drawn"),
)


class Terminal:
    """A session on a pty, whose bytes xterm.js shows and answers."""

    def __init__(self, program):
        for name in ("go", "gone"):
            if os.path.exists(name):
                os.unlink(name)
            os.mkfifo(name)
        # pylint: disable=consider-using-with # it lives as long as this
        self.xterm = subprocess.Popen(
            [NODE, HERE + "/xterm.js", MODULE, str(COLUMNS), str(ROWS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execv(INTERPOSE, [
                INTERPOSE, "-q", "--only", "-e", "allow read,write /**", "-e",
                "allow exec /**", "-e", "allow env *", "-e",
                "allow connect,listen unix:/**", "-e", "ask read ~/secret", "sh", "-c",
                OTHER, "sh", program])
        self.rest, self.dumps = b"", []
        self.end = time.monotonic() + LIMIT

    def say(self, **said):
        self.xterm.stdin.write(json.dumps(said).encode() + b"\n")
        self.xterm.stdin.flush()

    def hear(self, timeout):
        """Bytes of the session go to xterm.js, its answers go back. False: all still."""
        out = self.xterm.stdout.fileno()
        ready = select.select([self.fd, out], [], [], timeout)[0]
        if self.fd in ready:
            try:
                self.say(write=base64.b64encode(os.read(self.fd, 65536)).decode())
            except OSError:
                time.sleep(0.01)
        if out in ready:
            *lines, self.rest = (self.rest + os.read(out, 1 << 20)).split(b"\n")
            for line in map(json.loads, lines):
                if "data" in line:
                    os.write(self.fd, base64.b64decode(line["data"]))
                else:
                    self.dumps.append(line["dump"])
        return bool(ready)

    def dump(self):
        self.say(dump=True)
        while not self.dumps:
            assert time.monotonic() < self.end, "no dump"
            self.hear(0.2)
        return self.dumps.pop()

    def until(self, what, why):
        while True:
            dump = self.dump()
            if what(dump):
                return dump
            assert time.monotonic() < self.end, (why, text(dump))
            self.hear(0.1)

    def still(self):
        """What is shown once nothing has come for a while."""
        since = time.monotonic()
        while time.monotonic() - since < 0.5:
            if self.hear(0.1):
                since = time.monotonic()
        return self.dump()

    def close(self):
        self.xterm.stdin.close()
        self.xterm.wait()
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def text(dump):
    return "\n".join("".join(c for c, _ in row).rstrip() for row in dump["cells"])


def shows(words):
    return lambda dump: words in text(dump)


def case(name, program, shown):
    t = Terminal(program)
    t.until(shows(shown), name)
    if shown == "prompt>":
        os.write(t.fd, b"echo half a li")
        t.until(shows("half a li"), name)
    before = t.still()
    with open("go", "w", encoding="ascii") as go:
        go.write("\n")
    asked = t.until(shows("One key answers"), "the question")
    assert "[a]llow once" in text(asked) and asked["screen"] == "alternate", text(asked)
    assert asked["modes"]["mouseTrackingMode"] == "none", asked["modes"]
    os.write(t.fd, b"d")
    t.until(lambda dump: "[a]llow" not in text(dump), "it is answered")
    with open("gone", encoding="ascii") as gone:
        gone.read()
    t.until(lambda dump: dump == before, (name, text(before), before["modes"],
                                          before["cursor"], before["screen"]))
    t.close()
    print("ok " + name, flush=True)


os.environ.update(TERM="xterm-256color", PS1="prompt> ", NO_COLOR="1")
with open(HOME + "/secret", "w", encoding="ascii") as file:
    file.write("hidden\n")
for words in CASES:
    case(*words)
