"""Questions at a terminal: see asking.sh.

    asking.py CASE…		those here, and those of asking_hostile.py
"""
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import asking_hostile
from terminal import ALL, HOME, INTERPOSE, LIMIT, Terminal, appears, control, log, session


def once():
    t = session("cat ~/secret; echo status $?")
    t.until("[a]llow once")
    t.answer("a")
    t.until("hidden text")
    t.until("status 0")
    assert t.wait() == 0


def deny():
    t = session("cat ~/secret; echo status $?")
    t.until("[a]llow once")
    t.answer("d")
    before = t.until("status 1")
    assert b"hidden text" not in before
    assert t.wait() == 0


def kept():
    """A rule for the session is shown, wants Enter, and is asked once."""
    t = session("cat ~/secret; cat ~/secret; cat ~/secret2; echo end")
    t.until("[a]llow once")
    t.answer("s")
    t.until("allow read ~/secret")
    t.until("[Enter]")
    t.answer("\r")
    # What it wrote between two questions may be shown after both.
    whole = t.until("secret2") + t.until("[a]llow once")
    t.answer("d")
    whole += t.until("end")
    assert whole.count(b"hidden text") == 2, whole
    assert t.wait() == 0


def project():
    """A rule for the project outlives the session, outside the project."""
    argv = [INTERPOSE, "-q", "-C", HOME + "/work", "-e", "allow read,write /**",
            "-e", "allow exec /**", "-e", "ask read %s/ours" % HOME,
            "sh", "-c", "cat ~/ours; echo end"]
    t = Terminal(argv)
    t.until("[a]llow once")
    t.answer("p")
    t.until("[Enter]")
    t.answer("\r")
    t.until("our text")
    assert t.wait() == 0
    t = Terminal(argv)
    before = t.until("our text")
    assert b"[a]llow once" not in before
    assert t.wait() == 0
    assert not os.path.exists(HOME + "/work/.interpose")


def edit():
    """A mistake is told in the engine's words; the question stands."""
    t = session("cat ~/secret; echo end")
    t.until("[a]llow once")
    t.answer("e")
    t.until("The rule (")
    t.quiet(0.2)
    t.type("\x15")
    for c in "allow raed /x":
        t.type(c)
    t.quiet(0.3)
    t.type("\r")
    t.until("raed", "the engine's error")
    t.quiet(0.8)
    t.seen = b""
    t.type("\x15")
    for c in "allow read /elsewhere":
        t.type(c)
    t.quiet(0.3)
    t.type("\r")
    t.until("does not cover")
    t.type("\x03")
    t.until("[a]llow once")
    t.answer("d")
    t.until("end")
    assert t.wait() == 0


def signals():
    """Who waits can be signalled and killed; the question goes with it."""
    end = "& until [ -e %s ]; do sleep 0.01; done; kill -%s $!; wait $!; echo status $?; "
    t = session("cat ~/secret " + end % ("asked", "TERM") + "cat ~/secret2 " + end % ("again", "KILL"))
    t.until("[a]llow once")
    open("asked", "w", encoding="ascii").close()
    before = t.until("secret2") + t.until("[a]llow once")
    open("again", "w", encoding="ascii").close()
    # What is written between two questions may be shown after both.
    before += t.until("status 137")
    assert b"status 143" in before, before
    assert t.wait() == 0
    t = session("python3 -c '%s'; echo end" % """
import signal
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
print(open("%s/secret").read())""" % HOME)
    t.until("[a]llow once")
    t.answer("a")
    t.until("hidden text", "an interrupted call gets its answer")
    t.until("end")
    assert t.wait() == 0


def all_ask(path):
    """Is each cat of those listed in a call that waits for its answer?"""
    with open(path, encoding="ascii") as file:
        for pid in file.read().split():
            for name, holds in (("comm", "cat"), ("wchan", "seccomp|ptrace")):
                with open("/proc/%s/%s" % (pid, name), encoding="ascii") as said:
                    if not re.search(holds, said.read()):
                        return False
    return True


def many():
    """One question for all who want the same; the others go on."""
    t = session("for i in 1 2 3 4 5 6 7 8; do cat ~/secret & echo $! >>cats; done; "
                "echo goes on >on; wait; echo end")
    t.until("[a]llow once")
    appears("on")
    end, looks = time.monotonic() + LIMIT, 0
    while looks < 5:  # no other call of theirs waits for so long
        assert time.monotonic() < end, "not all of them ask"
        looks = looks + 1 if all_ask("cats") else 0
        t.quiet(0.05)
    t.answer("a")
    for _ in range(8):
        t.until("hidden text")
    t.until("end")
    assert t.wait() == 0


def terminal():
    """Size, bytes and modes; put back after the end, and after a death."""
    t = session("stty size; stty raw -echo; printf '\\377\\001ok'; "
                "head -c 4 | od -An -tx1; stty sane", rows=31, columns=97)
    t.until("31 97")
    t.until(b"\xff\x01ok")
    t.type(b"\x00\x03\x1a\xff")
    t.until("00 03 1a ff")
    assert t.wait() == 0
    t = session("printf '\\033[?1049h\\033[?1000h'; echo up; sleep 60")
    t.until("up")
    raw = termios.tcgetattr(t.fd)
    supervisor = t.pid
    for _ in range(2):  # the warden, and its child
        with open("/proc/%d/task/%d/children" % (supervisor, supervisor)) as file:
            supervisor = int(file.read().split()[0])
    os.kill(supervisor, signal.SIGKILL)
    before = t.until("was killed by signal")
    after = termios.tcgetattr(t.fd)
    assert after[3] & termios.ICANON and not raw[3] & termios.ICANON
    assert b"\x1b[?1000l" in before and b"\x1b[?1049l" in before, before
    assert t.wait() == 125


def jobs():
    """Suspended with Ctrl-Z and brought back by a shell."""
    argv = ["/bin/bash", "--norc", "--noprofile", "-i"]
    os.environ["PS1"] = "prompt> "
    t = Terminal(argv)
    t.until("prompt> ")
    # No shell: one that is stopped amid a vfork, bare as well, is not stopped yet.
    program = ("import os, time\nprint(\"up=%%d\" %% (1 + 1), flush=True)\n"
               "while not os.path.exists(\"%s/work/on-with-it\"): time.sleep(0.01)" % HOME)
    t.type(" ".join("'%s'" % w for w in [INTERPOSE, "-q", *ALL, "python3", "-c", program]) + "\n")
    t.until("up=2")
    t.type(b"\x1a")
    t.until("Stopped")
    t.type("echo $((40+2))\n")
    t.until("42\r\n")
    t.until("prompt> ")
    t.type("fg\n")
    open(HOME + "/work/on-with-it", "w").close()
    t.until("prompt> ")
    t.type("echo status $?\n")
    t.until("status 0")
    t.type("exit\n")
    assert t.wait() == 0


def elsewhere():
    t = session("cat ~/secret; echo status $?")
    t.until("[a]llow once")
    one, two = control(), control()
    q = json.loads(one.readline())
    assert q["action"] == "read" and q["subject"] == HOME + "/secret", q
    assert json.loads(two.readline())["question"] == q["question"]
    two.write('{"answer":%d,"verdict":"on' % q["question"])
    two.flush()
    two.close()  # killed in mid-answer: none
    one.write("rubbish\n")
    one.flush()
    assert "error" in json.loads(one.readline())
    one.write(json.dumps({"answer": q["question"], "verdict": "deny"}) + "\n")
    one.flush()
    assert json.loads(one.readline())["answered"] == q["question"]
    t.until("status 1")
    assert t.wait() == 0
    asks = log()
    assert asks and asks[-1]["by"] == "person", asks


def console():
    """The Linux console: no second screen, so what is shown is moved up and out."""
    os.environ["TERM"] = "linux"
    t = session("printf 'shown before\\nhalf'; cat ~/secret; read x; echo end",
                rows=25)
    os.environ["TERM"] = "xterm"
    before = t.until("[a]llow once")
    assert before.index(b"shown before") < before.index(b"\n" * 25) < before.index(
        b"wants to"), before
    t.answer("d")
    after = t.until(b"\x1b[2J\x1b[H", "the question goes")
    assert b"wants to" not in t.quiet(0.1)
    t.until("denied")
    t.type("\n")
    t.until("end")
    assert t.wait() == 0
    # console_codes(4): no sequence but those that it knows or passes over.
    for found in re.findall(rb"\x1b(?:\[[0-9;?<>=]*(.)|(.))", before + after):
        assert b"".join(found) in b"HJKhlmnrusgcdAGM]78=>()cq" , (found, before)


def resized():
    """Another size while a question stands: drawn for it, and the program's."""
    t = session("cat ~/secret; stty size; echo end")
    t.until("[a]llow once")
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 120, 0, 0))
    t.until("[k] stack  [?]\x1b[", "drawn for 120 columns")
    t.answer("a")
    assert b"33 120" in t.until("end")
    assert t.wait() == 0


def stack():
    """Who asks is looked at; its call goes on as if it had not been."""
    for name in ("one", "two"):
        open(HOME + "/work/" + name, "w").close()
    t = session("exec python3 -u -c '%s'" % """
import os, subprocess
print(open("%s/secret").read().strip())
os.rename("one", "three")
print(sorted(os.listdir(".")))
print(subprocess.run(["/bin/echo", "a", "b"]).returncode)""" % HOME,
                "-e", "ask write %s/work/one" % HOME, "-e", "ask exec echo **")
    whole = b""
    for subject in ("/secret", "/work/one", "a b"):
        whole += t.until(subject) + t.until("[a]llow once")
        t.answer("k")
        t.until("Called from")
        shown = t.until("[?]")
        assert b"libc" in shown or b"python" in shown, (subject, shown)
        t.answer("a")
    # What it wrote between two questions may be shown after both.
    whole += t.until("a b\r\n0")
    assert b"hidden text\r\n" in whole and b"three" in whole, whole
    assert t.wait() == 0
    asked = log()
    assert len(asked) == 3, asked


def reason():
    """A refusal can say why, for the log."""
    t = session("cat ~/secret; echo status $?")
    t.until("[a]llow once")
    t.answer("r")
    t.until("Refused because")
    t.type("not yours")
    t.type("\r")
    t.until("status 1")
    assert t.wait() == 0
    asked = log()
    assert asked[-1]["message"] == "not yours", asked


def covers():
    """What a rule would have covered; a wider one; none for one program."""
    t = session("cat ~/secret; cat ~/secret2; cat ~/secret2; echo end")
    t.until("[a]llow once")
    t.answer("d")
    t.until("secret2")
    t.until("[a]llow once")
    t.answer("s")
    t.until("It covers 1 of 2 questions")
    t.answer("w")
    t.until("It covers 2 of 2 questions")
    t.answer("e")
    t.until("The rule (")
    t.type(" by cat")
    t.type("\r")
    t.until("stand in a policy")
    t.type(b"\x7f" * 7)
    t.type("\r")
    assert t.until("end").count(b"second text") == 2
    assert t.wait() == 0


def approve():
    p = subprocess.Popen([INTERPOSE, "-q", "--ask", "socket", *ALL, "sh", "-c",
                          "cat ~/secret; echo status $?"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    base = os.environ["XDG_RUNTIME_DIR"] + "/interpose"
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        try:
            control().close()
            break
        except (AssertionError, OSError):
            time.sleep(0.02)
    out = subprocess.run([INTERPOSE, "ps"], stdout=subprocess.PIPE).stdout
    assert len(out.splitlines()) == 1, out
    t = Terminal([INTERPOSE, "approve"])
    t.until("[a]llow once")
    t.answer("a")
    out = p.communicate(timeout=LIMIT)[0]
    assert out == b"hidden text\nstatus 0\n", out
    assert t.wait() == 0


def unseen():
    """Nobody looks: the bell rings once, and the terminal tells the desktop."""
    t = session("cat ~/secret; echo status $?")
    t.until("[a]llow once")
    t.until("]777;notify;interpose;sh waits for an answer\x1b\\\a")
    t.answer("d")
    t.until("status 1")
    assert t.wait() == 0


def timeout():
    p = subprocess.run([INTERPOSE, "-q", "--ask", "socket", "--ask-timeout",
                        "1", *ALL, "cat", HOME + "/secret"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=LIMIT)
    assert p.returncode == 1 and p.stdout == b"", p


def lines():
    t = session("cat ~/secret; echo status $?", "--ask", "lines")
    before = t.until("interpose> ")
    number = re.search(rb"a space and (\d+)", before).group(1).decode()
    assert b"\x1b" not in before
    t.type("a 0\r")
    t.until("interpose> ")
    t.type("a %s\r" % number)
    t.until("hidden text")
    assert t.wait() == 0


def narrow():
    t = session("cat ~/secret", rows=12, columns=40)
    before = t.until("[?]")
    rows = [int(r) for r in re.findall(rb"\x1b\[(\d+);\d+H", before)]
    assert max(rows) <= 12, rows
    for word in (b"[a]llow once", b"[d]eny", b"/secret"):
        assert word in before, word
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    t.until("[D]eny for session", "drawn anew for another size")
    t.answer("d")
    assert t.wait() == 1


if __name__ == "__main__":
    os.makedirs(HOME + "/work", exist_ok=True)
    os.chdir(HOME + "/work")
    for name, text in (("secret", "hidden text"), ("secret2", "second text"),
                       ("secret-key", "key text"), ("ours", "our text")):
        with open(HOME + "/" + name, "w") as file:
            file.write(text + "\n")
    failed = 0
    for name in sys.argv[1:]:
        start = time.monotonic()
        try:
            (globals().get(name) or getattr(asking_hostile, name))()
            print("ok %s (%.1f s)" % (name, time.monotonic() - start))
        except Exception as error:
            print("FAILED: %s: %s: %s" % (name, type(error).__name__, error))
            failed = 1
        sys.stdout.flush()
    sys.exit(failed)
