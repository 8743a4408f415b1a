"""As many questions as a session can make: see asking-many.sh.

    asking-many.py ASKER COUNT
"""
import json
import os
import resource
import subprocess
import sys
import time

from bot import INTERPOSE, LIMIT, WORK, Session

ASKER, COUNT = os.path.abspath(sys.argv[1]), int(sys.argv[2])
with open(INTERPOSE, "rb") as program:
    # MiB. A sanitizer keeps what was freed, and more beside it.
    MOST_MEMORY = 2000 if b"__asan_init" in program.read() else 200


def log():
    out = subprocess.run([INTERPOSE, "log", "--json"], stdout=subprocess.PIPE,
                         check=True).stdout
    return [event for event in map(json.loads, out.splitlines())
            if event["event"] == "ask"]


def each(kind):
    """Each is another question, all at once or in turn; each gets its own answer."""
    session = Session(ASKER, kind, str(COUNT), WORK + "/d/")
    if kind == "many":
        question, memory = session.until_waiting(COUNT - 1), None
        memory = session.memory()
    else:
        question, memory = session.get(), None
    asked, made = time.monotonic(), set()
    seen = set()
    while question and len(seen) < COUNT:
        if "question" in question:
            name = question["subject"].rsplit("/", 1)[1]
            assert name not in seen, ("asked twice", name)
            seen.add(name)
            allow = int(name) % 2 == 0
            if allow:
                made.add(name)
            session.put(answer=question["question"],
                        verdict="once" if allow else "deny")
        if len(seen) == COUNT:
            memory = memory or session.memory()
            break
        question = session.get()
    answered = time.monotonic()
    out, seconds, used = session.end()
    assert out == "made %d refused %d\n" % (len(made), COUNT - len(made)), out
    assert set(os.listdir(WORK + "/d")) == made
    assert len(log()) == COUNT
    print("ok %s: %d different ones: %.1f s until asked, %.1f s answered, %.1f s of a "
          "processor, %.0f MiB" % (kind, COUNT, asked - session.began, answered - asked,
                                   used, memory), flush=True)
    for name in made:
        os.unlink(WORK + "/d/" + name)


def one():
    """All want the same: one question, one answer."""
    session = Session(ASKER, "many", str(COUNT), WORK + "/same")
    question = session.get()
    with open("/proc/%d/task/%d/children" % (session.supervisor(), session.supervisor()),
              encoding="ascii") as file:
        asker = int(file.read().split()[0])
    while not all_wait(asker):
        assert time.monotonic() - session.began < LIMIT
        time.sleep(0.05)
    asked = time.monotonic()
    memory = session.memory()
    # With a rule, since some may be on their way to be asked about still.
    session.put(answer=question["question"], verdict="session",
                rule="allow write %s/same" % WORK)
    out, seconds, used = session.end()
    assert out == "made %d refused 0\n" % COUNT, out
    assert len(log()) == 1, len(log())
    print("ok one: %d who wait for it: %.1f s until asked, %.1f s answered, "
          "%.1f s of a processor, %.0f MiB" %
          (COUNT, asked - session.began, seconds - (asked - session.began), used, memory),
          flush=True)
    os.unlink(WORK + "/same")


def all_wait(asker):
    """Every thread has been made, and is in its call of open."""
    tasks = os.listdir("/proc/%d/task" % asker)
    if len(tasks) < COUNT + 1:
        return False
    for task in tasks[-1:] + tasks[len(tasks) // 2:len(tasks) // 2 + 1]:
        with open("/proc/%d/task/%s/wchan" % (asker, task), encoding="ascii") as file:
            where = file.read()
            if "seccomp" not in where and "ptrace" not in where and task != str(asker):
                return False
    return True


def rule():
    """One rule for the session answers all."""
    session = Session(ASKER, "many", str(COUNT), WORK + "/d/")
    question = session.until_waiting(COUNT - 1)
    asked = time.monotonic()
    session.put(answer=question["question"], verdict="deny-session",
                rule="deny write %s/d/*" % WORK)
    out, seconds, used = session.end()
    assert out == "made 0 refused %d\n" % COUNT, out
    assert len(log()) == 1, len(log())
    print("ok rule: it answers %d: %.1f s, %.1f s of a processor in all" %
          (COUNT, seconds - (asked - session.began), used), flush=True)


def rules():
    """A rule for each: as many as are held, and then it is said that no more are."""
    session = Session(ASKER, "turns", "1000", WORK + "/r/")
    answered, once, question = 0, 0, None
    while answered < 1000:
        said = session.get()
        if "question" in said:
            question = said["question"]
            session.put(answer=question, verdict="session",
                        rule="allow write " + said["subject"])
        elif "error" in said:
            assert "no more rules" in said["message"], said
            once += 1
            session.put(answer=question, verdict="once")
        answered += "answered" in said
    kept = answered - once
    memory = session.memory()
    out, _, used = session.end()
    assert out == "made 1000 refused 0\n", out
    assert kept > 200 and once > 0 and memory < MOST_MEMORY, (kept, once, memory)
    print("ok rules: %d are held: %.1f s of a processor, %.0f MiB" % (kept, used, memory),
          flush=True)


os.makedirs(WORK + "/r", exist_ok=True)
os.chdir(WORK)
soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))
CASES = {"many": lambda: each("many"), "turns": lambda: each("turns"), "one": one,
         "rule": rule, "rules": rules}
for name in sys.argv[3:] or CASES:
    CASES[name]()
