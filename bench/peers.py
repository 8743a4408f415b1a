"""The tools that people would otherwise put in front of an agent, each with what
comes nearest to the policy, as far as they are installed; for run.py."""

import json
import pathlib
import shlex
import shutil


def always(words):
    """The same words before every work's."""
    return lambda work: words + work.command


def bwrap(scratch):
    """The system to be read, the works' place to be written; nothing of the home."""
    return lambda work: [
        "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/home",
        "--tmpfs", "/tmp", "--bind", str(scratch), str(scratch), "--unshare-pid",
        "--die-with-parent", "--chdir", str(work.directory), "--"] + work.command


def firejail():
    return ["firejail", "--quiet", "--noprofile", "--read-only=/etc", "--caps.drop=all",
            "--blacklist=${HOME}/.ssh", "--blacklist=${HOME}/.aws", "--"]


def settings_of(scratch):
    """A file for srt and for fence, which has the same form. It has no word for what
    may be read, only for what may not."""
    settings = scratch / "srt.json"
    settings.write_text(json.dumps({
        "network": {"allowedDomains": ["api.anthropic.com"], "deniedDomains": []},
        "filesystem": {"denyRead": ["~/.ssh", "~/.aws"], "allowWrite": [str(scratch)],
                       "denyWrite": []}}))
    return str(settings)


def sandlock(scratch):
    """Without the host that the others may reach: it looks names up at its start, and
    does not start where that fails."""
    home = pathlib.Path.home()
    return ["sandlock", "run", "-r", "/", "-w", str(scratch), "-w", "/dev/null",
            "--fs-deny", str(home / ".ssh"), "--fs-deny", str(home / ".aws"), "--"]


def nono(scratch, work):
    """It gives no directory that holds its own state, which is in the home."""
    words = ["nono", "run", "--silent"]
    home = pathlib.Path.home()
    without = [home, *home.parents, *scratch.parents]
    for directory in pathlib.Path("/").iterdir():
        if directory.is_dir() and directory not in without:
            words += ["--read", str(directory)]
    for directory in scratch.iterdir():
        if directory.is_dir() and directory.name != "home":
            words += ["--allow", str(directory)]
    return words + ["--"] + work.command


def peers(scratch):
    """{name: function of a work that gives the command that does it that way}."""
    found = {
        "bwrap": bwrap(scratch),
        "firejail": always(firejail()),
        "strace (seccomp)": always(
            ["strace", "-f", "--seccomp-bpf", "-e", "trace=%file,%network,%process", "-o",
             "/dev/null"]),
        "proot": always(["proot"]),
        "srt": always(["srt", "--settings", settings_of(scratch), "--"]),
        # It makes one line for a shell of its arguments.
        "fence": lambda work: ["fence", "--settings", settings_of(scratch), "--"] + [
            shlex.quote(word) for word in work.command],
        "sandlock": always(sandlock(scratch)),
        "nono": lambda work: nono(scratch, work),
    }
    return {name: way for name, way in found.items() if shutil.which(name.split()[0])}
