"""Standard output is no terminal, nor are others: the question comes at the one
that there is. See asking-elsewhere.sh."""
import os
import termios

from terminal import ALL, HOME, INTERPOSE, Terminal

WORDS = " ".join("'%s'" % word for word in ["-q", *ALL])
# Before the session, which is told to ask there all the same, or, as most do, beside
# it: as soon as its program has started, which may be too late on a busy machine,
# since interpose takes the terminal for itself where nobody did in its first 300 ms.
PAGER = """
import os, sys, termios, time
fd = os.open("/dev/tty", os.O_RDWR)
while sys.argv[1] == "beside" and not os.path.exists("started"):
    time.sleep(0.01)
before, mode = termios.tcgetattr(fd), termios.tcgetattr(fd)
late = not mode[3] & termios.ICANON
mode[3] &= ~(termios.ECHO | termios.ICANON)
if not late:
    termios.tcsetattr(fd, termios.TCSAFLUSH, mode)
os.write(fd, b"pager late\\n" if late else b"pager up\\n")
open("up", "w").close()
key = b"q" if late else os.read(fd, 1)
while key != b"q":
    os.write(fd, b"key <%s>\\n" % key)
    key = os.read(fd, 1)
if not late:
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


def pager(when):
    """It has the keys; the question comes when it has ended. False: it was too late."""
    for name in ("started", "up"):
        if os.path.exists(name):
            os.unlink(name)
    wait = "while [ ! -e up ]; do sleep 0.01; done; "
    begin = wait + INTERPOSE + " --ask tty" if when == "first" else INTERPOSE
    t = shell("{ %s %s sh -c 'echo >started; %scat ~/secret; echo end >&2'; } | python3 -c '%s' %s" %
              (begin, WORDS, wait, PAGER, when))
    t.until("pager ")
    if b"late" in t.until("\n"):
        t.until("[a]llow once")
        t.answer("d")
        plain(t)
        return False
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
    return True


def pager_first():
    assert pager("first")


def pager_beside():
    if not any(pager("beside") for _ in range(5)):
        print("the machine is too busy: the pager was late each time")


os.makedirs(HOME + "/work", exist_ok=True)
os.chdir(HOME + "/work")
with open(HOME + "/secret", "w", encoding="ascii") as secret:
    secret.write("hidden text\n")
for case in (piped, only_tty, not_chosen, pager_first, pager_beside):
    case()
    print("ok " + case.__name__, flush=True)
