"""Standard output is no terminal, nor are others: the question comes at the one
that there is. See asking-elsewhere.sh."""
import os
import termios

from terminal import ALL, HOME, INTERPOSE, Terminal

WORDS = " ".join("'%s'" % word for word in ["-q", *ALL])
PAGER = """
import os, termios, time, tty
fd = os.open("/dev/tty", os.O_RDWR)
while not os.path.exists("started"):
    time.sleep(0.01)
before = termios.tcgetattr(fd)
tty.setcbreak(fd)
os.write(fd, b"pager up\\n")
open("up", "w").close()
key = os.read(fd, 1)
while key != b"q":
    os.write(fd, b"key <%s>\\n" % key)
    key = os.read(fd, 1)
termios.tcsetattr(fd, termios.TCSADRAIN, before)
os.write(fd, b"pager ends\\n")
while os.read(0, 100): pass
"""


def shell(line):
    return Terminal(["/bin/sh", "-c", line + "; echo all done; read x"])


def plain(t):
    """Once all is done, the terminal is as it was."""
    t.until("all done")
    modes = termios.tcgetattr(t.fd)
    assert modes[3] & termios.ICANON and modes[1] & termios.OPOST, modes
    t.type("\n")
    assert t.wait() == 0


def contents(name):
    with open(name, "rb") as file:
        return file.read()


def piped():
    t = shell("%s %s sh -c 'cat ~/secret; read x; echo got $x; echo error >&2' | tee copy" %
              (INTERPOSE, WORDS))
    t.until("[a]llow once")
    t.answer("a")
    # tee may be sooner than the end of the question, until when keys are no input.
    shown = t.until("hidden text\r\n", "lines end as ever")
    if b"\033[?1049l" not in shown:
        t.until("\033[?1049l")
    t.type("word\r")
    t.until("error")
    plain(t)
    assert contents("copy") == b"hidden text\ngot word\n", contents("copy")


def only_tty():
    t = shell("echo input | %s --ask tty %s sh -c 'cat; cat ~/secret; echo error >&2'"
              " >out 2>err" % (INTERPOSE, WORDS))
    t.until("[a]llow once")
    t.answer("a")
    plain(t)
    assert contents("out") == b"input\nhidden text\n", contents("out")
    assert contents("err") == b"error\n", contents("err")


def not_chosen():
    t = shell("echo input | %s %s sh -c 'cat; cat ~/secret; echo status $?' >out 2>err" %
              (INTERPOSE, WORDS))
    before = t.until("all done")
    assert b"llow once" not in before
    t.type("\n")
    assert t.wait() == 0
    assert contents("out") == b"input\nstatus 1\n", contents("out")


def pager():
    """It has the keys; the question comes when it has ended."""
    t = shell("%s %s sh -c 'echo >started; while [ ! -e up ]; do sleep 0.01; done; cat ~/secret; "
              "echo end >&2' | python3 -c '%s'" % (INTERPOSE, WORDS, PAGER))
    t.until("pager up")
    t.type("x")
    t.until("key <x>")
    t.until("]777;notify", "the bell")
    t.type("y")
    before = t.until("key <y>")
    assert b"llow once" not in before
    t.type("q")
    t.until("pager ends")
    t.until("[a]llow once")
    t.answer("a")
    t.until("end")
    plain(t)


os.makedirs(HOME + "/work", exist_ok=True)
os.chdir(HOME + "/work")
with open(HOME + "/secret", "w", encoding="ascii") as secret:
    secret.write("hidden text\n")
for case in (piped, only_tty, not_chosen, pager):
    case()
    print("ok " + case.__name__, flush=True)
