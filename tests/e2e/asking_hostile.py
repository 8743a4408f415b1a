"""Questions that someone wants answered, or lost, who is not to: see asking.sh.
No answer is ever invented, none lost."""
import fcntl
import os
import re
import select
import signal
import termios
import time

from terminal import HOME, INTERPOSE, LIMIT, Terminal, again, appears, log, session


def never():
    """What is `never` is not asked, whatever was granted."""
    t = session("cat ~/secret; cat ~/secret-key; echo end",
                "-e", "never read %s/secret-key" % HOME)
    t.until("[a]llow once")
    t.answer("e")
    t.until("The rule (")
    t.type("\x15")
    for c in "allow read %s/**" % HOME:
        t.type(c)
    t.quiet(0.3)
    t.type("\r")
    t.until("hidden text")
    before = t.until("end")
    assert b"key text" not in before and b"[a]llow" not in before
    assert t.wait() == 0


@again
def typed_ahead():
    """Keys before and right after the question are no answer."""
    t = session("echo ready; read x; cat ~/secret; echo status $?")
    t.until("ready")
    t.type("\naaaaaaaa")
    t.until("[a]llow once")
    for _ in range(8):
        t.type_on()
    assert b"hidden text" not in t.seen
    for keys in (b"aa", b"\x1b[200~a\x1b[201~"):  # two at once, and pasted
        t.answer(keys)
        t.until("Not yet: ", "the quiet begins anew")
    t.answer("d")
    assert b"hidden text" not in t.until("status 1")
    assert t.wait() == 0
    assert [e["verdict"] for e in log()] == ["deny"], log()


def held_up():
    """A key that came before the screen said that one counts is none, however
    late interpose comes to read it."""
    t = session("cat ~/secret; echo status $?")
    t.until("[a]llow once")
    t.quiet(0.2)
    held = [t.pid]
    for _ in range(2):  # the warden, and the supervisor
        with open("/proc/%d/task/%d/children" % (held[-1], held[-1]), encoding="ascii") as file:
            held.append(int(file.read().split()[0]))
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    t.type("a")
    time.sleep(1)
    for pid in held:
        os.kill(pid, signal.SIGCONT)
    assert b"hidden text" not in t.quiet(0.3)
    t.answer("d")
    t.until("status 1")
    assert t.wait() == 0


def no_reply():
    """Without the terminal's reply no key is an answer; a report is not."""
    t = session("cat ~/secret; echo status $?", replies=False)
    t.until("[a]llow once")
    place = re.search(rb"\x1b\[(\d+);(\d+)H\x1b\[6n", t.until(b"\x1b[6n"))
    t.quiet(0.9)
    t.type("a")
    t.quiet(0.3)
    t.type(b"\x1b]11;rgb:aaaa/aaaa/aaaa\x1b\\")
    t.type(b"\x1bP1$r aaaa\x1b\\")
    t.type(b"\x1b[1;1R")
    t.quiet(0.9)
    t.type("a")
    t.quiet(0.3)
    assert b"hidden text" not in t.seen
    t.type(b"\x1b[%s;%sR" % place.groups())
    t.type(b"\x1b]11;rgb:aaaa/aaaa/aaaa\x07")
    t.quiet(0.9)
    assert b"hidden text" not in t.seen
    t.answer("d")
    t.until("status 1")
    assert t.wait() == 0


def visible():
    """Control characters of names are shown, not sent."""
    name = "secret\x1b]0;title\x07\x1b[2J"
    open(HOME + "/" + name, "w").close()
    t = session("cat \"$1\"; echo end".replace('"$1"', "~/secret*title*"))
    before = t.until("[a]llow once")
    assert b"\\x1b]0;title\\x07" in before, before
    assert b"\x1b]0;title" not in before
    t.answer("d")
    t.until("end")
    assert t.wait() == 0
    os.unlink(HOME + "/" + name)


def multitude():
    """QUESTIONS at once: all are held, and a rule answers all."""
    count = int(os.environ.get("QUESTIONS", "500"))
    t = session("exec python3 -c '%s'" % """
import threading, os
threading.stack_size(65536)
left = threading.Semaphore(0)
def one(n):
    try: os.close(os.open("%s/many.d/%%d" %% n, os.O_CREAT | os.O_RDWR))
    except PermissionError: left.release()
all = [threading.Thread(target=one, args=(n,)) for n in range(%d)]
for thread in all: thread.start()
for thread in all: thread.join()
count = 0
while left.acquire(blocking=False): count += 1
print("refused", count, "made", len(os.listdir("%s/many.d")))""" %
                (HOME, count, HOME), "-e", "ask write %s/many.d/*" % HOME)
    os.makedirs(HOME + "/many.d", exist_ok=True)
    t.until("[a]llow once")
    t.until("%d waiting" % (count - 1))
    t.answer("D")
    t.until("[Enter]")
    t.answer("e")
    t.until("The rule (")
    t.type("\x15")
    for c in "deny write %s/many.d/*" % HOME:
        t.type(c)
    t.quiet(0.3)
    t.type("\r")
    t.until("refused %d made 0" % count)
    assert t.wait() == 0


def flood():
    """A question amid output that does not end: it waits, and comes to its end after."""
    t = session("(seq 1 10000; touch ~/work/flows; while [ ! -e ~/work/read ]; do seq 1 10000; "
                "done; echo last) & while [ ! -e ~/work/flows ]; do :; done; "
                "cat ~/secret; touch ~/work/read; wait")
    t.until("[a]llow once")
    t.answer("a")
    end = time.monotonic() + LIMIT
    while not (b"last" in t.seen and b"hidden text" in t.seen):
        assert time.monotonic() < end, t.seen[-3000:]
        t.read(0.2)
    assert t.wait() == 0


def stalled():
    """A terminal that takes nothing: keys and signals pass all the same."""
    t = session("trap 'touch ~/work/interrupted' INT; touch ~/work/started; "
                "yes; read x")
    appears(HOME + "/work/started")
    # Nothing is read: all between fills, until nothing moves any more.
    end, still, before = time.monotonic() + LIMIT, 0, b""
    while still < 20:
        assert time.monotonic() < end, "it never stands still"
        time.sleep(0.02)
        now = fcntl.ioctl(t.fd, termios.FIONREAD, b"    ")
        still = still + 1 if now == before and now != bytes(4) else 0
        before = now
    while not os.path.exists(HOME + "/work/interrupted"):
        assert time.monotonic() < end, "the key does not arrive"
        t.type(b"\x03")
        time.sleep(0.1)
    os.kill(t.pid, signal.SIGTERM)
    while True:
        pid, status = os.waitpid(t.pid, os.WNOHANG)
        if pid:
            break
        assert time.monotonic() < end, "SIGTERM does not end it"
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGTERM
    os.close(t.fd)


def full():
    """More is written while a question stands than is kept: none is lost."""
    os.mkfifo(HOME + "/work/go")
    t = session("(read x <go; seq 1 700000; echo last) & cat ~/secret; wait")
    t.until("[a]llow once")
    with open(HOME + "/work/go", "w") as go:
        go.write("\n")
    t.answer("a")
    got = bytearray()
    while b"last\r\n" not in got[-100:]:
        assert select.select([t.fd], [], [], LIMIT)[0], bytes(got[-200:])
        got += os.read(t.fd, 65536)
    assert t.wait() == 0
    whole = re.sub(rb"\x1b\[[?0-9;]*[a-zA-Z]", b"", t.seen + bytes(got))
    at = whole.index(b"1\r\n2\r\n3\r\n")
    numbers = whole[at:whole.index(b"last\r\n")].replace(b"hidden text\r\n", b"")
    wanted = b"".join(b"%d\r\n" % i for i in range(1, 700001))
    assert numbers == wanted, (len(numbers), len(wanted))


def provoked():
    """Reports that a program provokes, before and while it asks, are nobody's."""
    open(HOME + "/work/ask.py", "w").write("""
import os, termios, tty
tty.setraw(0)
said = b"\\x1b]11;?\\x07\\x1bP$qm\\x1b\\\\\\x1b[21t\\x1b[6n"
os.write(1, said * 50)
if os.fork() == 0:
    for _ in range(500):
        os.write(1, said)
    os._exit(0)
try:
    open("%s/secret")
    print("allowed")
except PermissionError:
    print("refused")
os.kill(0, 9)
""" % HOME)
    t = session("exec python3 ask.py", "-C", HOME + "/work")
    t.chatty = True
    t.until("[a]llow once")
    t.answer("d")
    t.wait()
    asked = log()
    assert len(asked) == 1 and asked[0]["verdict"] == "deny", asked


@again
def watching():
    """A program that asks when it sees the user type: the typing is no answer."""
    t = session("stty raw -echo; echo ready; head -c 1 >/dev/null; "
                "cat ~/secret; echo status $?")
    t.until("ready")
    end = time.monotonic() + LIMIT
    while b"[a]llow once" not in t.seen:
        assert time.monotonic() < end, t.seen[-3000:]
        t.type_on()
    for _ in range(8):
        t.type_on()
    assert b"hidden text" not in t.seen and b"status" not in t.seen
    t.answer("d")
    assert b"hidden text" not in t.until("status 1")
    assert t.wait() == 0
    assert [e["verdict"] for e in log()] == ["deny"], log()


def hangup():
    """The terminal is closed while a question stands: nothing is allowed."""
    mark = HOME + "/work/mark"
    t = session("cat ~/secret && touch ~/work/mark")
    t.until("[a]llow once")
    os.close(t.fd)
    end = time.monotonic() + LIMIT
    while os.waitpid(t.pid, os.WNOHANG)[0] == 0:
        assert time.monotonic() < end, "the session outlives its terminal"
        time.sleep(0.02)
    assert not os.path.exists(mark)


def outlives():
    """A program that outlives its terminal does not keep interpose busy."""
    mark = HOME + "/work/outlived"
    t = session("trap '' HUP; echo on; sleep 1; echo more; sleep 3; touch %s" % mark)
    t.until("on")
    os.close(t.fd)
    used = os.wait4(t.pid, 0)[2]
    assert os.path.exists(mark)
    assert used.ru_utime + used.ru_stime < 3, used


def rescued():
    """Its guardian is killed: no program is left, the terminal is put right."""
    t = session("printf '\\033[?1049h\\033[?1000h\\033[?25l'; cat ~/secret; sleep 60")
    t.until("[a]llow once")
    os.kill(t.pid, signal.SIGKILL)
    before = t.until(b"\x1b[?25h")
    assert b"\x1b[?1049l" in before
    modes = termios.tcgetattr(t.fd)
    end = time.monotonic() + LIMIT
    while not modes[3] & termios.ICANON:
        assert time.monotonic() < end, "left raw"
        time.sleep(0.01)
        modes = termios.tcgetattr(t.fd)
    os.waitpid(t.pid, 0)
    os.close(t.fd)


def approvers():
    """Two at once; one is killed in the middle of its answer."""
    t = session("cat ~/secret; echo status $?; cat ~/secret2; echo status $?")
    t.until("[a]llow once")
    one, two = Terminal([INTERPOSE, "approve"]), Terminal([INTERPOSE, "approve"])
    one.until("[a]llow once")
    two.until("[a]llow once")
    one.answer("s")
    one.until("From now on")
    os.kill(one.pid, signal.SIGKILL)
    one.wait()
    assert b"status" not in t.quiet(0.1)
    two.answer("d")
    # What it wrote between two questions may be shown after both.
    whole = t.until("secret2") + t.until("[a]llow once")
    two.until("[a]llow once")
    t.answer("a")
    whole += t.until("second text")
    assert b"status 1" in whole and b"hidden text" not in whole, whole
    two.until("allow, by the session's terminal")
    assert t.wait() == 0
    two.wait()
    assert [e["verdict"] for e in log()] == ["deny", "allow"], log()


def pasted():
    """What comes in more than one byte is no key, in brackets or not."""
    t = session("cat ~/secret; echo status $?")
    t.until("[a]llow once")
    for bytes_ in (b"a\r", b"s\r", b"\x1b[200~a\x1b[201~", b"\x1b[200~s\r\x1b[201~\r",
                   b"aaaa\n" * 500):
        t.answer(bytes_)
        t.until("Not yet: ", "the quiet begins anew")
    assert b"hidden text" not in t.seen and b"From now on" not in t.seen
    t.answer("d")
    t.until("status 1")
    assert t.wait() == 0
    assert [e["verdict"] for e in log()] == ["deny"], log()


def clipboard():
    """A clipboard's sequence across a question: none is made of its two halves, and
    none swallows the question; what is written meanwhile waits."""
    with open(HOME + "/work/halves.py", "w", encoding="ascii") as file:
        file.write(r"""
import os, sys
def refused(name):
    try:
        os.close(os.open(os.environ["HOME"] + "/" + name, os.O_RDONLY))
    except PermissionError:
        os.write(1, b"refused\n")
os.write(1, b"\x1b]52;c")
refused("secret")
os.write(1, b";?\x07first\n")
open("next").read()
os.write(1, b"\x1b]52;c;aGVsb")
if os.fork() == 0:
    refused("secret2")
    os._exit(0)
os.wait()
os.write(1, b"G8=\x07second\n")
""")
    os.mkfifo(HOME + "/work/next")
    t = session("exec python3 halves.py")
    before = t.until("[a]llow once")
    assert b"]52" not in before, before
    t.answer("d")
    assert b"]52;c;?" not in t.until("first")
    with open(HOME + "/work/next", "w", encoding="ascii") as file:
        file.write("\n")
    between = t.until("secret2")
    # The write that policy allows is ended before the question is drawn.
    written = between.index(b"\x1b]52;c;aGVsb")
    assert between.index(b"\x18\x1b\\", written) < between.index(b"wants to", written)
    t.until("[a]llow once")
    t.answer("d")
    after = t.until("second")
    assert b"\x1b]52" not in after, after
    assert t.wait() == 0
    assert [e["verdict"] for e in log()] == ["deny", "deny"], log()


def imitated():
    """A program draws a question of its own: its answer is a key for the program, and
    none for the question that comes."""
    with open(HOME + "/work/imitate.py", "w", encoding="ascii") as file:
        file.write(r"""
import os, tty
tty.setraw(0)
os.write(1, b"\x1b[?1049h\x1b[2J\x1b[H\x1b[7m interpose \xc2\xb7 sh wants to \x1b[0m\r\n"
            b"   read     ~/notes\r\n\r\n [a]llow it  [d]eny\r\n A key is the reply.")
key = os.read(0, 1)
os.write(1, b"\x1b[?1049l")
if os.fork() == 0:
    os.write(1, b"key " + key + b"\r\n" + b"\x1b[2J\x1b[Hnothing is asked\r\n" * 9)
    os._exit(0)
os.wait()
try:
    open(os.environ["HOME"] + "/secret")
    os.write(1, b"allowed\r\n")
except PermissionError:
    os.write(1, b"refused\r\n")
""")
    t = session("exec python3 imitate.py")
    t.until("A key is the reply.")
    assert not log(), log()
    t.type("a")
    t.until("key a")
    t.until("[a]llow once")
    assert b"allowed" not in t.quiet(0.9)
    t.answer("d")
    t.until("refused")
    assert t.wait() == 0
    assert [e["verdict"] for e in log()] == ["deny"], log()


def drawn_over():
    """Who writes while a question stands writes nowhere near it."""
    for name in ("go", "went"):
        os.mkfifo(HOME + "/work/" + name)
    t = session("(read x <go; printf '\\033[2J\\033[H%s\\n\\033c' over; echo >went) & "
                "cat ~/secret; echo status $?; wait")
    t.until("[a]llow once")
    for name, flags in (("go", "w"), ("went", "r")):
        with open(HOME + "/work/" + name, flags, encoding="ascii") as file:
            assert file.write("\n") if flags == "w" else file.read()
    assert b"over" not in t.quiet(0.3)
    t.answer("d")
    t.until("over")
    assert t.wait() == 0
