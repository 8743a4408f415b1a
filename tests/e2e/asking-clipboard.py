"""The clipboard by policy, as the terminal sees it: see asking-clipboard.sh."""
import os
import pty
import subprocess
import sys

INTERPOSE = os.environ.get("INTERPOSE", os.path.abspath("interpose"))
ALLOW = ["-q", "--only", "-e", "allow read,write /**", "-e", "allow exec /**",
         "-e", "allow env *"]
READ = b"\x1b]52;c;?\x07"
WRITE = b"\x1b]52;c;aGk=\x07"
PASSED = b"\x1bPtmux;\x1b\x1b]52;c;?\x07\x1b\\"
NONE = b"\x1b]9952\x07"


def shown(*rules):
    """What reaches the terminal of a program that does all of it."""
    text = READ + b"1" + WRITE + b"2" + PASSED + b"3"
    text = text.replace(b"\\", b"\\\\").replace(b"\x1b", b"\\033")
    options = [word for rule in rules for word in ("-e", rule)]
    pid, fd = pty.fork()
    if pid == 0:
        # In two writes, which end within a sequence.
        os.execvp(INTERPOSE, [INTERPOSE, *ALLOW, *options, "sh", "-c",
                              'printf "$1"; printf "$2"', "sh",
                              text[:6].decode(), text[6:].decode()])
    got = b""
    while True:
        try:
            more = os.read(fd, 4096)
        except OSError:
            break
        if not more:
            break
        got += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(fd)
    return got


def same(name, got, wanted):
    assert got == wanted, (name, got, wanted)
    print("ok " + name)


def mistake(line, word):
    done = subprocess.run([INTERPOSE, *ALLOW, "-e", line, "true"],
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode == 125 and word in done.stderr, done
    print("ok " + line)


none = b"\x1bPtmux;\x1b\x1b]9952\x07\x1b\\"
same("by default", shown(), NONE + b"1" + WRITE + b"2" + none + b"3")
same("denied", shown("deny clipboard read,write"),
     NONE + b"1" + NONE + b"2" + none + b"3")
same("allowed", shown("deny clipboard write", "allow clipboard read,write"),
     READ + b"1" + WRITE + b"2" + PASSED + b"3")
same("only read", shown("allow clipboard read", "deny clipboard write"),
     READ + b"1" + NONE + b"2" + PASSED + b"3")
mistake("ask clipboard read", b"allowed or denied")
mistake("allow clipboard", b"`read` it or to `write` it")
mistake("allow clipboard paste", b"`read,write`")
mistake("allow clipboard read by vim", b"nothing follows")
shows = subprocess.run([INTERPOSE, "policy", "show", "--only", "-e",
                        "deny clipboard read,write", "-e", "allow clipboard read"],
                       stdout=subprocess.PIPE, check=True).stdout
assert shows.count(b"clipboard") == 2, shows
sys.exit(0)
