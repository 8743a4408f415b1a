"""What a program shows and how it set the terminal is the same, cell by cell, before
and after a question: on the main screen and on the alternate one. See
asking-screen.sh.
"""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from screen import Screen  # noqa: E402
from session import HOME, INTERPOSE, Session, same  # noqa: E402


def jobs(name, shell):
    """A job that stands still, one that goes on, and the shell's line between."""
    with Session(shell, PS1="prompt> ", PROMPT="prompt> ") as screen:
        screen.until("prompt>")
        screen.type("cat\n")
        screen.until("cat\n")
        screen.type("one\n")
        screen.until("one\none")
        screen.keys("C-z")
        screen.until(lambda text: "topped" in text or "uspended" in text)
        screen.type("jobs; fg\n")
        screen.until(lambda text: text.rstrip().endswith("cat"))
        screen.type("two\n")
        screen.until("two\ntwo")
        before = screen.until_still()
        screen.ask()
        # Neither a key of the terminal's nor its stop reaches the job.
        screen.keys("C-c")
        screen.keys("C-z")
        screen.until("Not yet: ")
        screen.refuse()
        screen.until_cells(before, name)
        screen.type("three\n")
        screen.until("three\nthree")
        screen.keys("C-c")
        # What is typed before the shell is back may be flushed with the signal.
        screen.until(lambda text: text.rstrip().endswith("prompt>"))
        screen.type("exit\n")
        screen.until_dead()
    print("ok " + name, flush=True)


def frame():
    """htop shows what changes by itself; its frame stays."""
    def frame_of(text):
        return [line for line in text.split("\n") if "F1Help" in line or "PID" in line]

    with Session("exec htop -d 600 -C") as screen:
        screen.until("F1Help")
        before = frame_of(screen.text())
        screen.ask()
        screen.refuse()
        screen.until(lambda text: frame_of(text) == before, "htop's frame")
        screen.type("q")
        screen.until_dead()
    print("ok htop", flush=True)


def killed():
    """Its supervisor is killed while a question stands: the terminal is as ever."""
    with Screen(["sh", "-c", "PS1='outside> ' exec sh -i"], 90, 24) as screen:
        screen.until("outside>")
        before = screen.cells().split("\n")[-2]
        program = "printf '\\033[?1049h\\033[?1002h\\033[?25l\\033[?1h'; cat ~/secret"
        screen.type("%s -q --only -e 'allow read,write /**' -e 'allow exec /**' "
                    "-e 'allow env *' -e 'ask read ~/secret' sh -c \"%s\"\n" %
                    (INTERPOSE, program))
        screen.until("[a]llow once")
        guardian = int(screen.tmux("display", "-p", "-t", "s", "#{pane_pid}"))
        for _ in range(3):  # the shell's child, the warden, the supervisor
            with open("/proc/%d/task/%d/children" % (guardian, guardian),
                      encoding="ascii") as file:
                guardian = int(file.read().split()[0])
        os.kill(guardian, 9)
        screen.until("was killed by signal 9")
        screen.until(lambda text: text.rstrip().endswith("outside>"))
        after = screen.cells().split("\n")[-2]
        # All but where the cursor is.
        assert before.split()[2:] == after.split()[2:], (before, after)
    print("ok killed", flush=True)


def main():
    os.makedirs(HOME + "/work", exist_ok=True)
    os.chdir(HOME + "/work")
    with open(HOME + "/secret", "w", encoding="ascii") as file:
        file.write("hidden\n")
    with open("text", "w", encoding="utf-8") as file:
        file.writelines("line %d: ünïcode and text\n" % i for i in range(1, 201))
    same("colours, half a line",
         'printf "\\033[31mred\\033[0m text\\n\\033[5;10H\\033[1;44mhalf"; sleep 100', "half")
    same("modes", 'stty raw; printf "modes\\033[?1h\\033=\\033[?1002h\\033[?1006h'
         '\\033[?25l\\033[3;9r\\033[4;4H"; sleep 100', "modes")
    same("bash's line editor", "exec bash --norc --noprofile -i", "prompt>",
         "echo half a li", PS1="prompt> ")
    jobs("jobs of bash", "exec bash --norc --noprofile -i")
    if shutil.which("zsh"):
        same("zsh's line editor", "exec zsh -f -i", "prompt>", "echo half a li",
             PROMPT="prompt> ", PS1="prompt> ")
        jobs("jobs of zsh", "exec zsh -f -i")
    if shutil.which("vim"):
        same("vim", 'exec vim -u NONE -N -i NONE --cmd "set shortmess+=F" +60 text',
             "line 55")
        same("vim, half a command", 'exec vim -u NONE -N -i NONE +60 text', "line 55",
             "ihalf", "\x1b", ":s/li")
    if shutil.which("less"):
        same("less", "exec less text", "line 5", "j")
    if shutil.which("htop"):
        frame()
    killed()


with tempfile.TemporaryDirectory() as tmux:
    os.environ["TMUX_TMPDIR"] = tmux
    main()
