"""Each kind of question looks as it should: screens beside tests/e2e/screens.

    asking-golden.py ASKER [--update | --picture FILE]

--update writes the screens anew, --picture the one of the README.
"""
import concurrent.futures
import os
import re
import shutil
import socket
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from screen import Screen, picture  # noqa: E402

SCREENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "screens")
INTERPOSE = os.environ.get("INTERPOSE", os.path.abspath("interpose"))
HOME = os.environ["HOME"]
RULES = """allow read,write /**
allow exec /**
allow env *
ask read ~/notes/** because "not of this project"
ask write ~/notes/**
ask exec ~/bin/git ** push **
ask connect *:*
ask connect unix:/**
ask listen *:*
"""
LONG = "a/rather/long/name/of/a/directory/that/goes/on/and/on/"

# name, columns, rows, what tool is to do, keys (None: shown once it is ready)
KINDS = [
    ("read", 80, 24, ["read", "~/notes/plan"], []),
    ("create", 80, 24, ["write", "~/notes/new"], []),
    ("change", 80, 24, ["write", "~/notes/plan"], []),
    ("run", 80, 24, ["exec", "~/bin/git", "push", "origin", "main"], []),
    ("reach", 80, 24, ["connect", "127.0.0.1", "9"], []),
    ("reach-unix", 80, 24, ["connect", "~/notes/socket"], []),
    ("listen", 80, 24, ["listen", "127.0.0.1", "8080"], []),
    ("narrow", 40, 12, ["exec", "~/bin/git", "push", "origin", "main"], []),
    ("narrow-keep", 40, 12, ["read", "~/notes/plan"], ["s"]),
    ("narrow-help", 40, 12, ["read", "~/notes/plan"], ["?"]),
    ("narrow-long", 40, 12, ["read", "~/notes/" + LONG * 5], []),
    ("wide", 110, 30, ["read", "~/notes/plan"], []),
    ("keep", 80, 24, ["exec", "~/bin/git", "push", "origin", "main"], ["s"]),
    ("keep-wider", 80, 24, ["exec", "~/bin/git", "push", "origin", "main"],
     ["p", "w"]),
    ("edit", 80, 24, ["read", "~/notes/plan"], ["e"]),
    ("reason", 80, 24, ["read", "~/notes/plan"], ["r"]),
    ("why", 80, 24, ["read", "~/notes/plan"], ["w"]),
    ("help", 80, 24, ["read", "~/notes/plan"], ["?"]),
    ("deceptive", 80, 24,
     ["exec", "~/bin/git", "push", "it's", "two words", "\x1b[2J\x1b]0;title\x07",
      "\u202egnp.exe", "\u200b", "e\u0301", "\u65e5\u672c", "\xff"], []),
    ("deceptive-blanks", 80, 24,
     ["exec", "~/bin/git", "push", "origin\u00a0main", "\u3000\u3164\u2800", "a\ufe0f"], []),
    ("deceptive-name", 80, 24, ["read", "~/notes/plan"], []),
]
TOOLS = {"deceptive-name": "git ◂ agent (pid 7), for you"}


def furnish(asker):
    for directory in ("bin", "notes", "notes/" + LONG * 5, "work", ".config/interpose/policies"):
        os.makedirs(HOME + "/" + directory, exist_ok=True)
    for name in ("agent", "tool", "git", *TOOLS.values()):
        shutil.copy(asker, HOME + "/bin/" + name)
        os.chmod(HOME + "/bin/" + name, stat.S_IRWXU)
    with open(HOME + "/notes/plan", "w", encoding="utf-8") as file:
        file.write("a plan\n")
    with open(HOME + "/.config/interpose/policies/screens", "w",
              encoding="utf-8") as file:
        file.write(RULES)
    os.chdir(HOME + "/notes")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket")
    listener.listen()
    os.chdir(HOME + "/work")
    return listener


def session(what, columns, rows, tool="tool", **env):
    words = [word.replace("~", HOME) for word in what]
    return Screen([INTERPOSE, "-q", "--only", "-p", "screens", HOME + "/bin/agent",
                   "start", HOME + "/bin/" + tool, *words], columns, rows, env)


def shown(screen, keys):
    for key in keys:
        screen.answer(key)
        screen.until({"s": "From now on", "p": "From now on", "e": "The rule",
                      "r": "Refused because", "w": lambda t: "git push **" in t or "It beat" in t,
                      "?": "this once "}[key])
    if keys[-1:] not in (["e"], ["r"]):
        screen.until("One key answers")
    text = screen.text()
    text = re.sub(r"\(pid \d+\)", "(pid N)", text).replace(HOME, "HOME")
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n")) + "\n"


def compare(name, text, update):
    path = os.path.join(SCREENS, name + ".txt")
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return True
    with open(path, encoding="utf-8") as file:
        wanted = file.read()
    if text == wanted:
        print("ok " + name)
        return True
    print("FAILED: %s: wanted\n%s\nshown\n%s" % (name, wanted, text))
    return False


def colours():
    """NO_COLOR leaves no colour, no bold, nothing; without it there is some."""
    for env, wanted in (({"NO_COLOR": "1"}, False), ({}, True)):
        with session(["read", "~/notes/plan"], 80, 24, **env) as screen:
            screen.until("One key answers")
            marked = "\x1b[" in screen.tmux("capture-pane", "-e", "-p", "-t", "s")
            assert marked == wanted, (env, marked)
    print("ok colours")


def one(kind):
    name, columns, rows, what, keys = kind
    with session(what, columns, rows, TOOLS.get(name, "tool")) as screen:
        return compare(name, shown(screen, keys), "--update" in sys.argv)


def main():
    listener = furnish(os.path.abspath(sys.argv[1]))
    if sys.argv[2:3] == ["--picture"]:
        with session(["exec", "~/bin/git", "push", "origin", "main"], 80, 11) as screen:
            screen.until("One key answers")
            with open(sys.argv[3], "w", encoding="utf-8") as file:
                file.write(re.sub(r"\(pid \d+\)", "(pid 4711)",
                                  picture(screen, 80, 11)))
        return 0
    # A question takes a second of waiting: some at a time.
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        good = all(list(pool.map(one, KINDS)))
    colours()
    listener.close()
    return 0 if good else 1


sys.exit(main())
