"""paused.py INTERPOSE FENCE: a session whose supervisor is stopped again and
again; paused.py, by itself, is what runs in it."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

ROUNDS = 120
PAUSES = 500  # at least: else nothing was shown


def check(name, found, wanted):
    if found != wanted:
        print("round %s: %r, not %r" % (name, found, wanted))
        sys.exit(1)


def run(words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def files(number):
    with open("new", "x", encoding="ascii") as file:
        file.write("text %d" % number)
    os.rename("new", "old")
    os.mkdir("directory")
    os.chdir("directory")  # made by the thread itself, at the tracer's word
    with open("../old", encoding="ascii") as file:
        check("read", file.read(), "text %d" % number)
    path = os.open("../old", os.O_PATH)
    check("path", os.fstat(path).st_size, os.stat("../old").st_size)
    os.close(path)
    os.chdir("..")
    check("listed", sorted(os.listdir()), ["directory", "fifo", "old", "script"])
    os.rmdir("directory")
    os.unlink("old")


def fifo():
    """Both ends wait for each other, on threads of the supervisor that may."""
    written = threading.Thread(target=lambda: open("fifo", "w", encoding="ascii").close())
    written.start()
    with open("fifo", encoding="ascii") as file:
        check("fifo", file.read(), "")
    written.join()


def network(listener):
    with socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        server.sendall(b"word")
        server.close()
        check("network", client.recv(9), b"word")


def work():
    os.mkfifo("fifo")
    with open("script", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho $((6 * 7)) $1\n")
    os.chmod("script", 0o755)
    listener = socket.create_server(("127.0.0.1", 0))
    for number in range(ROUNDS):
        check("exec", run(["/bin/echo", "it", "ran"]), (0, b"it ran\n"))
        check("script", run(["./script", "x"]), (0, b"42 x\n"))
        files(number)
        fifo()
        network(listener)
    os.unlink("fifo")
    os.unlink("script")
    print("done", flush=True)


def child(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return int(file.read().split()[0])


def pause(pid, session):
    count = 0
    try:
        while session.poll() is None:
            os.kill(pid, signal.SIGSTOP)
            os.kill(pid, signal.SIGCONT)
            count += 1
            time.sleep(random.random() / 2000)
    except ProcessLookupError:
        pass
    return count


def main():
    session = subprocess.Popen(
        [sys.argv[1], "-q", "--only", "--fence", sys.argv[2], "-e", "allow read,write /**",
         "-e", "allow exec /**", "-e", "allow env *", "-e", "allow listen 127.0.0.1:*",
         "-e", "allow connect 127.0.0.1:*", "sh", "-c",
         'echo ready; read word; exec python3 -B "$0"', os.path.abspath(__file__)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if session.stdout.readline() != "ready\n":
        sys.exit(1)
    supervisor = child(child(session.pid))
    session.stdin.write("go\n")
    session.stdin.flush()
    count = pause(supervisor, session)
    text = session.communicate()[0]
    print("%s: %d pauses, status %d: %s" % (sys.argv[2], count, session.returncode, text.strip()))
    sys.exit(session.returncode or text != "done\n" or count < PAUSES)


if len(sys.argv) > 1:
    main()
else:
    work()
