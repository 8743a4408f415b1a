#!/usr/bin/env python3
"""Write a directory as an initramfs (cpio, "newc"), root's, to standard output."""
import os
import stat
import sys


def record(name, number, mode, data, out):
    name = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    out.write(head + b"\0" * (-len(head) % 4))
    out.write(data + b"\0" * (-len(data) % 4))


def main(top, out):
    number = 1
    for directory, names, files in os.walk(top):
        names.sort()
        for name in sorted(names + files):
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            data = b""
            if stat.S_ISLNK(mode):
                data = os.readlink(path).encode()
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    data = file.read()
            elif not stat.S_ISDIR(mode):
                continue
            record(os.path.relpath(path, top), number, mode, data, out)
            number += 1
    record("TRAILER!!!", 0, 0, b"", out)


main(sys.argv[1], sys.stdout.buffer)
