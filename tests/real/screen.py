"""What screen.sh of the same directory drives: see there.

    screen.py INTERPOSE PROFILES CLAUDE PORT HEARD
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from screen import Screen  # noqa: E402

INTERPOSE, PROFILES, CLAUDE, PORT, HEARD = sys.argv[1:6]
HOME, PROJECT = os.environ["HOME"], os.environ["HOME"] + "/project"
# Someone in the session asks when it is told to.
OTHER = ("(read x <.git/go; cat ~/secret >/dev/null 2>&1; echo >.git/gone) & "
         'exec "$@"')


def asked():
    """The questions of the session that began last."""
    out = subprocess.run([INTERPOSE, "log", "--json"], stdout=subprocess.PIPE,
                         check=False).stdout
    events = [json.loads(line) for line in out.splitlines()]
    return [(e.get("action"), e.get("subject")) for e in events if e["event"] == "ask"]


def main():
    argv = [INTERPOSE, "-q", "--only", "-p", PROFILES + "/base", "-p",
            PROFILES + "/claude", "-e", "allow connect 127.0.0.1:" + PORT,
            "-e", "allow read,exec %s/**" % os.path.dirname(CLAUDE),
            "-e", "ask read ~/secret", "-C", PROJECT,
            "sh", "-c", OTHER, "sh", CLAUDE, "--dangerously-skip-permissions"]
    with Screen(argv, 100, 30) as screen:
        shown = screen.until(lambda text: "❯" in text or "[a]llow once" in text)
        assert "[a]llow once" not in shown, ("asked at its start", shown)
        screen.until_still(1)
        if "Yes, I accept" in screen.text():
            screen.keys("Down")
            screen.until("❯ Yes, I accept")
            screen.keys("Enter")
            screen.until_gone("Yes, I accept")
            screen.until("❯")
            screen.until_still(1)
        screen.type("Mend the test.")
        screen.until("Mend the test.")
        screen.keys("Enter")
        shown = screen.until(lambda text: "All steps are done" in text or
                             "[a]llow once" in text)
        assert "[a]llow once" not in shown, ("asked", shown)
        # It draws itself after a question as it does after a change of size: its
        # cursor is then shown with the next key.
        screen.resize(100, 29)
        screen.until_still(1)
        screen.resize(100, 30)
        # Hints of its start, which go by themselves.
        screen.until_gone("/effort")
        screen.until_gone("for agents")
        before = screen.until_still(2)
        with open(PROJECT + "/.git/go", "w", encoding="ascii") as go:
            go.write("\n")
        screen.until("[a]llow once")
        screen.answer("d")
        with open(PROJECT + "/.git/gone", encoding="ascii") as gone:
            gone.read()
        screen.until_cells(before, "the screen is another one")
        # It goes on as if nothing had happened.
        screen.type("Go on.")
        screen.until("Go on.")
        screen.keys("C-c")
        screen.keys("C-c")
        screen.until_dead()
    questions = asked()
    assert questions == [("read", HOME + "/secret")], questions
    with open(HEARD, encoding="utf-8") as file:
        done = file.read().count('\\"type\\":\\"tool_result\\"')
    assert done >= 20, done
    print("twenty tool calls, no question of their own; the screen is as it was")


main()
