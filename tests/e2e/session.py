"""A session in a real terminal, of which someone asks when told to."""
import os

from screen import Screen

INTERPOSE = os.environ.get("INTERPOSE", os.path.abspath("interpose"))
HOME = os.environ["HOME"]
# Someone else of the session asks once it is told to, and tells when it is done.
OTHER = ("(read x <go; cat ~/secret >/dev/null 2>&1; echo >gone) & "
         'exec sh -c "$1"')
RULES = ["-e", "allow read,write /**", "-e", "allow exec /**", "-e", "allow env *",
         "-e", "allow connect,listen unix:/**", "-e", "ask read ~/secret"]


def directly(words):
    return words


class Session(Screen):
    """`within` makes of a command one that runs it in a terminal of its own."""

    def __init__(self, program, within=directly, **env):
        for name in ("go", "gone"):
            if os.path.exists(name):
                os.unlink(name)
            os.mkfifo(name)
        super().__init__(within(["env", *("%s=%s" % pair for pair in env.items()),
                                 INTERPOSE, "-q", "--only", *RULES, "sh", "-c", OTHER,
                                 "sh", program]), 90, 24)

    def ask(self):
        with open("go", "w", encoding="ascii") as go:
            go.write("\n")
        self.until("[a]llow once")

    def refuse(self):
        self.answer("d")
        with open("gone", encoding="ascii") as gone:
            gone.read()


def same(name, program, shown, *keys, within=directly, **env):
    """Start, type, be asked, answer: all is as it was."""
    with Session(program, within, **env) as screen:
        screen.until(shown)
        for key in keys:
            screen.type(key)
            screen.until_still(0.3)
        before = screen.until_still()
        screen.ask()
        screen.refuse()
        screen.until_cells(before, name)
    print("ok " + name, flush=True)
