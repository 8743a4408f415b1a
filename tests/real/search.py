"""Look for the key in the processes of a session: search.py PROJECT INTERPOSE

Waits for PROJECT/looked, searches memory, environment and command line of every
process of the session, and makes PROJECT/seen. That the search finds what is
there is shown by the broker, which has the key ($KEY), and by the placeholder,
which the session has. Where the memory of others may not be read, it says so.
"""

import os
import sys
import time

PROJECT, INTERPOSE = sys.argv[1], os.path.realpath(sys.argv[2])
KEY = os.environ["KEY"].encode()


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def processes():
    """Of this session, by the parent of each: {pid: parent}."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = read(f"/proc/{name}/stat").rpartition(b")")[2].split()
            if stat:
                found[int(name)] = int(stat[1])
    return found


def exe(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return ""


def memory(pid):
    """Every readable piece, a few MiB at a time."""
    try:
        file = open(f"/proc/{pid}/mem", "rb", 0)
    except OSError:
        return
    with file:
        for line in read(f"/proc/{pid}/maps").splitlines():
            span, rights = line.split()[:2]
            first, last = (int(x, 16) for x in span.split(b"-"))
            # What is only reserved, and the code of a program, hold nothing.
            if rights[:2] != b"rw":
                continue
            # Pieces overlap, so that no key is cut.
            while first < last:
                try:
                    file.seek(first)
                    piece = file.read(min(last - first, 4 << 20))
                except (OSError, ValueError):
                    piece = b""
                yield piece
                first += max(len(piece), 4 << 20) - (len(KEY) if len(piece) == 4 << 20 else 0)


def main():
    deadline = time.monotonic() + 240
    while not os.path.exists(PROJECT + "/looked"):
        if time.monotonic() > deadline:
            sys.exit("the session never looked")
        time.sleep(0.05)
    parents = processes()
    # The agent's shell waits in the project: its ancestors up to interpose are the session's.
    shells = [p for p in parents if read(f"/proc/{p}/cmdline").startswith(b"sh\0look.sh") and
              os.path.realpath(f"/proc/{p}/cwd") == os.path.realpath(PROJECT)]
    if not shells:
        sys.exit("no shell of the session is found")
    supervisor = shells[0]
    # Not by /proc/PID/exe, which interpose keeps to itself.
    while not read(f"/proc/{supervisor}/cmdline").startswith(INTERPOSE.encode() + b"\0"):
        supervisor = parents[supervisor]
    # The warden, and the guardian: the broker is a child of either.
    above = {parents[supervisor], parents[parents[supervisor]]}
    below, session = {supervisor}, []
    while more := [p for p in parents if parents[p] in below and p not in below]:
        below.update(more)
        session += more
    brokers = [p for p in parents if parents[p] in above and read(f"/proc/{p}/cmdline").startswith(b"interpose-net")]
    holder = None
    for entry in read(f"/proc/{shells[0]}/environ").split(b"\0"):
        if entry.startswith(b"ANTHROPIC_API_KEY="):
            holder = entry.split(b"=", 1)[1]
    found, held, size = [], 0, 0
    for pid in session:
        for text in (read(f"/proc/{pid}/environ"), read(f"/proc/{pid}/cmdline"), *memory(pid)):
            size += len(text)
            held += bool(holder) and holder in text
            if KEY in text:
                found.append((pid, exe(pid)))
    in_broker = any(KEY in piece for pid in brokers for piece in memory(pid))
    open(PROJECT + "/seen", "w").close()
    if found:
        sys.exit("the key is in %r" % found)
    if not holder or holder == KEY or len(holder) != len(KEY):
        sys.exit("the session has no placeholder: %r" % holder)
    if size < 1 << 20:
        print("the memory of the session may not be read from here: only its environment was searched")
    elif not held or (os.geteuid() == 0 and not in_broker):
        sys.exit("the search is blind: placeholder %d times, the broker %r" % (held, in_broker))
    else:
        print("%d processes, %d MiB: no key; the placeholder %d times" % (len(session), size >> 20, held))


try:
    main()
finally:
    open(PROJECT + "/seen", "w").close()
