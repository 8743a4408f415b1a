"""The question in GNU screen, and by ssh: see asking-terminals.sh."""
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from screen import LIMIT, Screen  # noqa: E402
from session import HOME, INTERPOSE, RULES, Session  # noqa: E402

# Empty: an account that has no name, which neither GNU screen nor ssh takes.
USER = "root" if os.getuid() == 0 else subprocess.run(
    ["id", "-un"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
    text=True).stdout.strip()
if USER == str(os.getuid()):
    USER = ""
# How the terminal is set, before and after.
STTY = 'stty -g >stty.before; "$@"; stty -g >stty.after; sleep 100'
OWNER = r"""
import os, signal, sys
def draw(*_):
    os.write(1, b"\33[2J\33[3;7Hdrawn\33[8;2H")
signal.signal(signal.SIGWINCH, draw)
os.write(1, b"\33[?1049h")
draw()
sys.stdin.readline()
os.write(1, b"\33[?1049l")"""
CASES = (
    ("colours, half a line",
     'printf "\\033[31mred\\033[0m text\\n\\033[5;10H\\033[1;44mhalf"; read x', "half"),
    ("modes", 'printf "modes\\033[?1h\\033=\\033[3;9r\\033[4;4H"; read x', "modes"),
    ("an alternate screen, drawn again", "exec python3 -c '%s'" % OWNER, "drawn"),
)


def contents(name):
    with open(name, encoding="ascii", errors="replace") as file:
        return file.read()


def one_screen():
    """GNU screen as it comes has no second screen: nothing is lost, and the program is
    told to draw itself anew."""
    with open(HOME + "/screenrc", "w", encoding="ascii") as file:
        file.write("altscreen off\nstartup_message off\n")
    with Session("echo shown before; exec bash --norc --noprofile -i", in_screen,
                 PS1="prompt> ") as screen:
        screen.until("prompt>")
        screen.type("echo half a li")
        screen.until("half a li")
        screen.ask()
        screen.refuse()
        screen.until(lambda text: text.strip() == "prompt> echo half a li")
        screen.type("ne; exit\n")
        screen.until("half a line\n")
        name = subprocess.run(["screen", "-ls"], stdout=subprocess.PIPE, text=True,
                              check=False).stdout.split("\t")[1]
        subprocess.run(["screen", "-S", name, "-X", "hardcopy", "-h", HOME + "/copy"],
                       check=True)
        end = time.monotonic() + LIMIT
        while not os.path.exists(HOME + "/copy") or "half a line" not in contents(HOME + "/copy"):
            assert time.monotonic() < end, "no copy"
            time.sleep(0.02)
        assert "shown before" in contents(HOME + "/copy"), contents(HOME + "/copy")
    print("ok GNU screen without altscreen", flush=True)


def in_screen(words):
    return ["screen", "-c", HOME + "/screenrc", "-S", "asking.%d" % time.monotonic_ns(),
            "sh", "-c", STTY, "sh", *words]


def popup():
    """`interpose approve` in a popup of tmux, over what a program shows there."""
    tmux = ["tmux", "-L", "popup.%d" % os.getpid(), "-f", "/dev/null"]
    program = shlex.join(
        ["env", "TERM=screen", INTERPOSE, "-q", "--ask", "socket", "--only", *RULES, "sh",
         "-c", "echo shown; cat ~/secret; echo status $?; read x"])
    with Screen(["env", "TERM=screen-256color", *tmux, "new-session", program], 90,
                24) as screen:
        screen.until("shown")
        end = time.monotonic() + LIMIT
        while not subprocess.run([INTERPOSE, "ps"], stdout=subprocess.PIPE,
                                 check=True).stdout:
            assert time.monotonic() < end, "it does not run"
            time.sleep(0.02)
        # Without -E it would stay until a key closes it.
        shows = subprocess.Popen(  # pylint: disable=consider-using-with
            [*tmux, "display-popup", "-E", "-w", "90%", "-h", "80%",
             shlex.join([INTERPOSE, "approve"])], stderr=subprocess.PIPE, text=True)
        screen.until(lambda text: "[a]llow once" in text or shows.poll())
        assert not shows.poll(), shows.stderr.read()
        screen.answer("d")
        screen.until("deny, by approve")
        screen.keys("q")
        shows.wait()
        screen.until("\nstatus 1\n")
        screen.keys("Enter")
        screen.until_dead()
    print("ok tmux popup", flush=True)


class Sshd:
    """A server of ours, for who we are."""

    def __init__(self, place):
        self.place, self.port = place, None
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                            place + "/" + key], check=True)
        shutil.copy(place + "/user.pub", place + "/authorized")
        # A port that nobody has: the next is tried where it is taken.
        for port in range(20000 + os.getpid() % 20000, 65000, 97):
            with open(place + "/config", "w", encoding="ascii") as file:
                file.write("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\n"
                           "AuthorizedKeysFile %s/authorized\nPidFile none\nUsePAM no\n"
                           "StrictModes no\nPasswordAuthentication no\n"
                           "PermitRootLogin yes\nAcceptEnv *\n" % (port, place, place))
            # pylint: disable=consider-using-with # it serves until the end
            self.process = subprocess.Popen(
                [shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin"), "-D", "-e", "-f",
                 place + "/config"], stderr=subprocess.PIPE, text=True)
            for line in self.process.stderr:
                if "listening" in line.lower():
                    self.port = port
                    return
                if "in use" not in line:
                    print("sshd:", line, end="")
        raise AssertionError("no port")

    def within(self, words):
        kept = ["%s=%s" % pair for pair in os.environ.items()
                if pair[0] in ("HOME", "LC_ALL", "PATH", "INTERPOSE") or
                pair[0].startswith("XDG_")]
        line = "cd %s && exec env %s" % (shlex.quote(HOME + "/work"), shlex.join(
            [*kept, "sh", "-c", STTY, "sh", *words]))
        return ["ssh", "-tt", "-F", "/dev/null", "-i", self.place + "/user", "-p",
                str(self.port), "-o", "StrictHostKeyChecking=no", "-o",
                "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o",
                "IdentitiesOnly=yes", USER + "@127.0.0.1", line]


def asked(where, within):
    """Shown, answered with one key; the screen and the terminal as they were."""
    for name, program, shown in CASES:
        for left in ("stty.before", "stty.after"):
            if os.path.exists(left):
                os.unlink(left)
        with Session(program, within, BASH_ENV="", TERM="screen") as screen:
            screen.until(shown)
            before = screen.until_still()
            screen.ask()
            screen.refuse()
            screen.until_cells(before, (where, name))
            screen.keys("Enter")
            end = time.monotonic() + LIMIT
            while not os.path.exists("stty.after") or not contents("stty.after"):
                assert time.monotonic() < end, (where, name, screen.text())
                time.sleep(0.02)
            assert contents("stty.after") == contents("stty.before"), (where, name)
        print("ok %s: %s" % (where, name), flush=True)


def main(place):
    os.makedirs(HOME + "/work", exist_ok=True)
    os.chdir(HOME + "/work")
    with open(HOME + "/secret", "w", encoding="ascii") as file:
        file.write("hidden\n")
    if subprocess.run(["tmux", "list-commands", "display-popup"], check=False,
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        popup()
    else:
        print("no popups in this tmux")
    if not USER:
        print("GNU screen and ssh want a user with a name")
        return
    if shutil.which("screen"):
        os.makedirs(place + "/screens", mode=0o700)
        os.environ["SCREENDIR"] = place + "/screens"
        with open(HOME + "/screenrc", "w", encoding="ascii") as file:
            file.write("altscreen on\nstartup_message off\nvbell off\n")
        asked("GNU screen", in_screen)
        one_screen()
    else:
        print("no screen here")
    if shutil.which("ssh") and shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin"):
        server = Sshd(place)
        try:
            asked("ssh", server.within)
        finally:
            server.process.terminate()
            server.process.wait()
    else:
        print("no ssh or sshd here")


with tempfile.TemporaryDirectory() as scratch:
    os.environ["TMUX_TMPDIR"] = scratch
    main(scratch)
