"""The tools that people would otherwise put in front of an agent, each with what
comes nearest to the policy, as far as they are installed; for run.py."""

import json
import shutil


def nothing_hidden(command):
    return lambda work: command


def bwrap(scratch):
    """The system to be read, the works' place to be written; nothing of the home."""
    return lambda work: [
        "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/home",
        "--tmpfs", "/tmp", "--bind", str(scratch), str(scratch), "--unshare-pid",
        "--die-with-parent", "--chdir", str(work.directory), "--"]


def firejail(_):
    return ["firejail", "--quiet", "--noprofile", "--read-only=/etc", "--caps.drop=all",
            "--blacklist=${HOME}/.ssh", "--blacklist=${HOME}/.aws", "--"]


def srt(scratch):
    """Its settings have no word for what may be read, only for what may not."""
    settings = scratch / "srt.json"
    settings.write_text(json.dumps({
        "network": {"allowedDomains": ["api.anthropic.com"], "deniedDomains": []},
        "filesystem": {"denyRead": ["~/.ssh", "~/.aws"], "allowWrite": [str(scratch)],
                       "denyWrite": []}}))
    return lambda work: ["srt", "--settings", str(settings)]


def peers(scratch):
    """{name: function of a work that gives the words before its command}."""
    found = {
        "bwrap": bwrap(scratch),
        "firejail": firejail,
        "strace (seccomp)": nothing_hidden(
            ["strace", "-f", "--seccomp-bpf", "-e", "trace=%file,%network,%process", "-o",
             "/dev/null"]),
        "proot": nothing_hidden(["proot"]),
        "srt": srt(scratch),
    }
    return {name: words for name, words in found.items() if shutil.which(name.split()[0])}
