"""Threads that are held while a question is open: see asking-held.sh.

    asking-held.py [CASE…]
"""
import json
import os
import random
import signal
import subprocess
import sys
import time

from bot import INTERPOSE, WORK, Session

HERE = WORK + "/d"
with open(INTERPOSE, "rb") as program:
    SANITIZED = b"__asan_init" in program.read()
INSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "asking_held_inside.py")
RULES = ("ask connect 127.0.0.1:*", "allow listen 127.0.0.1:*", "ask exec /**/echo")


def asker(case, prepare=None, rules=RULES):
    return Session("/usr/bin/env", "python3", "-B", INSIDE, case, HERE, rules=rules,
                   prepare=prepare)


def until(true, what):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def threads(session):
    """The session's threads: {tid: state}."""
    found, left = {}, [session.supervisor()]
    while left:
        pid = left.pop()
        try:
            for task in os.listdir("/proc/%d/task" % pid):
                place = "/proc/%d/task/%s/" % (pid, task)
                with open(place + "children", encoding="ascii") as file:
                    left += [int(one) for one in file.read().split()]
                if pid != session.supervisor():
                    with open(place + "stat", encoding="ascii") as file:
                        found[int(task)] = file.read().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def held(session):
    """Its thread that is held, once there is one. Stopped, and it is no debugger's."""
    until(lambda: "t" in threads(session).values(), "no thread is held")
    return [tid for tid, state in threads(session).items() if state == "t"][0]


def question(session):
    said = session.get()
    while "question" not in said:
        said = session.get()
    return said


def answer(session, asked, verdict="once"):
    session.put(answer=asked["question"], verdict=verdict)


def goes_on(case, allowed, refused="Permission denied"):
    for verdict in "once", "deny":
        session = asker(case)
        asked = question(session)
        held(session)
        answer(session, asked, verdict)
        out = session.end()[0].strip()
        assert out == (allowed if verdict == "once" else refused), (verdict, out)
    print("ok %s: held, and answered" % case, flush=True)


def signalled(case):
    """A signal comes in between, and is handled; the question stays the same. Where its
    handler does not have calls made again, the library does, or the program."""
    session = asker(case)
    asked = question(session)
    os.kill(held(session), signal.SIGUSR1)
    assert session.process.stdout.readline() == "signal\n"
    held(session)
    answer(session, asked)
    assert session.end()[0] == "opened\n"
    print("ok %s: a signal, and the same question" % case, flush=True)


def killed():
    session = asker("child")
    question(session)
    os.kill(held(session), signal.SIGKILL)
    assert session.end()[0] == "9\n"
    print("ok killed: its parent hears of it", flush=True)


def stopped():
    session = asker("stopped")
    asked = question(session)
    os.kill(held(session), signal.SIGSTOP)
    assert session.process.stdout.readline() == "True\n"
    held(session)
    answer(session, asked)
    assert session.end()[0] == "0\n"
    print("ok stopped: and goes on", flush=True)


def beside(case, expected):
    """Another thread ends the process, or its program."""
    session = asker(case, rules=())
    question(session)
    held(session)
    with open(HERE + "/go", "wb"):
        pass
    until(lambda: session.process.poll() is not None, "it does not end")
    out = session.end()[0]
    assert out == expected, out
    os.unlink(HERE + "/go")
    print("ok %s: beside one that is held" % case, flush=True)


def looked():
    """Its stack is that of its call."""
    session = asker("open")
    asked = question(session)
    held(session)
    session.put(stack=asked["question"])
    said = session.get()
    while "stack" not in said:
        said = session.get()
    # A sanitizer's program may take too long to unwind.
    assert any("open" in line for line in said["lines"]) or SANITIZED, said
    held(session)
    answer(session, asked)
    assert session.end()[0] == "opened\n"
    print("ok looked: at the stack of one that is held", flush=True)


def many():
    """Answers just before, while and just after a thread is held: nothing is asked
    once more, and each answer is for what was asked."""
    session = asker("many")
    asked, said = {}, session.get()
    while said:
        number, subject = said.get("question"), said.get("subject")
        if number and number not in asked:
            asked[number] = subject
            time.sleep(random.choice((0, 0.24 + random.random() / 40, 0.27)))
            answer(session, said, "deny" if subject.endswith("/to7") else "once")
        said = session.get()
    assert len(asked) == 45, len(asked)
    out = session.end()[0]
    assert out == "Permission denied 14 moved\n", out
    for name in os.listdir(HERE):
        os.unlink(HERE + "/" + name)
    print("ok many: %d questions" % len(asked), flush=True)


class Freezer:
    """A cgroup of our own, or None."""

    def __init__(self, place, procs, state, on, off):
        self.place = place + "/interpose-held.%d" % os.getpid()
        self.procs, self.state, self.on, self.off = procs, state, on, off

    def write(self, name, value):
        with open(self.place + "/" + name, "w", encoding="ascii") as file:
            file.write(value)

    def join(self):
        self.write(self.procs, str(os.getpid()))

    def is_frozen(self):
        name, word = self.state
        with open(self.place + "/" + name, encoding="ascii") as file:
            return word in file.read().split("\n")


def freezers():
    for one in (Freezer("/sys/fs/cgroup/freezer", "cgroup.procs", ("freezer.state", "FROZEN"),
                        ("freezer.state", "FROZEN"), ("freezer.state", "THAWED")),
                Freezer("/sys/fs/cgroup/unified", "cgroup.procs", ("cgroup.events", "frozen 1"),
                        ("cgroup.freeze", "1"), ("cgroup.freeze", "0")),
                Freezer("/sys/fs/cgroup", "cgroup.procs", ("cgroup.events", "frozen 1"),
                        ("cgroup.freeze", "1"), ("cgroup.freeze", "0"))):
        try:
            os.mkdir(one.place)
        except OSError:
            continue
        if os.path.exists(one.place + "/" + one.on[0]):
            yield one
        os.rmdir(one.place)


def frozen():
    """All of the session, with a question open, is frozen at once, and goes on."""
    found = False
    for freezer in freezers():
        found = True
        for case, expected in ("open", "opened"), ("connect", "connected"), ("start", "started"):
            session = asker(case, prepare=freezer.join)
            asked = question(session)
            held(session)
            for _ in range(20):
                freezer.write(*freezer.on)
                until(freezer.is_frozen, "%s: not frozen: %s" % (case, threads(session)))
                freezer.write(*freezer.off)
            answer(session, asked)
            out = session.end()[0].strip()
            assert out == expected, out
            if case == "open":
                os.unlink(HERE + "/asked")
        print("ok frozen: by " + freezer.on[0], flush=True)
    if not found:
        print("no cgroup can be made here: no freezer was tried", flush=True)


def log():
    out = subprocess.run([INTERPOSE, "log", "--json"], stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


CASES = {
    "frozen": frozen,
    "open": lambda: goes_on("open", "opened"),
    "connect": lambda: goes_on("connect", "connected", "Connection refused"),
    "start": lambda: goes_on("start", "started"),
    "again": lambda: signalled("again"),
    "interrupted": lambda: signalled("interrupted"),
    "killed": killed, "stopped": stopped, "looked": looked, "many": many,
    "exit": lambda: beside("exit", ""), "exec": lambda: beside("exec", "another\n"),
}
os.makedirs(HERE, exist_ok=True)
os.chdir(WORK)
for name in sys.argv[1:] or CASES:
    CASES[name]()
    if os.path.exists(HERE + "/asked"):
        os.unlink(HERE + "/asked")
