"""Other names for a unix socket that a program outside of the session listens on.

sockets.py serve PLACE: sockets in directories of PLACE, one for each way; PLACE/ready
sockets.py attack PLACE: in a directory whose sockets may be connected to. Prints the
ways that lead to a socket of PLACE, and `own` where the session's own can be moved.
"""
import ctypes
import os
import select
import socket
import sys

ways = {}


def way(function):
    ways[function.__name__] = function
    return function


libc = ctypes.CDLL(None, use_errno=True)


def exchange(one, other):
    if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2):
        raise OSError(ctypes.get_errno(), "renameat2")


@way
def symlink(directory):
    os.symlink(directory + "/s", "symlink")
    return "symlink"


@way
def link(directory):
    os.link(directory + "/s", "link")
    return "link"


@way
def link_of_a_descriptor(directory):
    fd = os.open(directory + "/s", os.O_PATH)
    if libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"link-fd", 0x400):
        raise OSError(ctypes.get_errno(), "linkat")
    return "link-fd"


@way
def rename(directory):
    os.rename(directory + "/s", "renamed")
    return "renamed"


@way
def exchanged(directory):
    with open("exchanged", "w", encoding="ascii"):
        exchange("exchanged", directory + "/s")
    return "exchanged"


@way
def exchanged_back(directory):
    with open("exchanged-back", "w", encoding="ascii"):
        exchange(directory + "/s", "exchanged-back")
    return "exchanged-back"


@way
def directory_renamed(directory):
    os.rename(directory, "directory")
    return "directory/s"


@way
def directory_exchanged(directory):
    os.mkdir("swapped")
    exchange("swapped", directory)
    return "swapped/s"


@way
def in_two_steps(directory):
    os.rename(directory + "/s", directory + "/t")
    os.rename(directory, "steps")
    return "steps/t"


def reaches(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        return s.recv(1) == b"!"


def serve(place, told):
    listening = []
    for name in ways:
        os.mkdir("%s/%s" % (place, name))
        s = socket.socket(socket.AF_UNIX)
        s.bind("%s/%s/s" % (place, name))
        s.listen(8)
        listening.append(s)
    with open(told, "w", encoding="ascii") as ready:
        ready.write("ready")
    while True:
        for s in select.select(listening, [], [])[0]:
            with s.accept()[0] as client:
                client.send(b"!")


def attack(place):
    for name, function in ways.items():
        try:
            if reaches(function("%s/%s" % (place, name))):
                print(name)
        except OSError:
            pass
    own = socket.socket(socket.AF_UNIX)
    own.bind(place + "/own")
    own.listen(1)
    os.rename(place + "/own", "own")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("own")
    print("own")


serve(*sys.argv[2:]) if sys.argv[1] == "serve" else attack(*sys.argv[2:])
