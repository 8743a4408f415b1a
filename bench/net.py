"""What the network broker costs: the same work bare, supervised and through
mitmproxy, interleaved round by round.

    bench/net.py INTERPOSE [--rounds N] [--megabytes N] [--link MBIT] [--json FILE] [WORK…]

Runs inside tests/net/enter, so that there are names. The works: a download over
TLS, requests over one connection, and connections, handshake and all. The ways:

    direct      the address is allowed: the program's own connection
    relayed     the name is allowed: checked, then spliced
    terminated  the host has `http` rules: TLS ends in the broker
    secret      the same, with a key in each request and looked for in answers
    mitmproxy   as a proxy, with no interpose, where it is installed

Without --link all that counts is the processor: over loopback, a bare download
keeps two of them busy, and who relays is a third program. With it, what comes
from the far end is held to a link's speed by tc(8).

Prints the median of each and its ratio to bare; nothing that was not measured.
"""

import argparse
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

NAME, ADDRESS, PORT = "good.test", "203.0.113.10", 9443
KEY = "sk-ant-api03-" + "benchmark" * 4
REQUESTS, CONNECTIONS = 2000, 150


# -------------------------------------------------------------- the far end --

def answer(connection, block):
    """Any number of requests: /N is answered with N bytes."""
    data = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            left = int(head.split()[1].strip(b"/"))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (left, block[:min(left, 1000)]))
            left -= min(left, 1000)
            while left:
                part = block[:min(left, len(block))]
                connection.sendall(part)
                left -= len(part)


def serve(world):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world + "/cert.pem", world + "/key.pem")
    listener = socket.create_server((ADDRESS, PORT), backlog=128)
    print("ready", flush=True)
    # Bytes as they are in real downloads: without a pattern.
    block = memoryview(os.urandom(1 << 20))

    def one(plain):
        try:
            answer(context.wrap_socket(plain, server_side=True), block)
        except OSError:
            pass
    while True:
        plain = listener.accept()[0]
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=one, args=(plain,), daemon=True).start()


# --------------------------------------------------------------- the client --

def connect(host):
    proxy = os.environ.get("BENCH_PROXY")
    context = ssl._create_unverified_context()
    plain = socket.create_connection(("127.0.0.1", int(proxy)) if proxy else (host, PORT))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if proxy:
        plain.sendall(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (host.encode(), PORT))
        while b"\r\n\r\n" not in plain.recv(4096):
            pass
    return context.wrap_socket(plain, server_hostname=NAME)


def ask(connection, size, into):
    key = os.environ.get("BENCH_KEY", KEY)
    connection.sendall(b"GET /%d HTTP/1.1\r\nHost: %s:%d\r\nX-Api-Key: %s\r\n\r\n" %
                       (size, NAME.encode(), PORT, key.encode()))
    got = connection.recv_into(into)
    got -= bytes(into[:4096]).index(b"\r\n\r\n") + 4
    while got < size:
        got += connection.recv_into(into)


def work(name, host, megabytes):
    """Seconds of one piece of work, without the program's own start."""
    into = memoryview(bytearray(1 << 20))
    if name == "connections":
        connect(host).close()
        begin = time.perf_counter()
        for _ in range(CONNECTIONS):
            connect(host).close()
        return (time.perf_counter() - begin) / CONNECTIONS
    with connect(host) as connection:
        ask(connection, 100, into)
        begin = time.perf_counter()
        if name == "download":
            ask(connection, megabytes << 20, into)
            return time.perf_counter() - begin
        for _ in range(REQUESTS):
            ask(connection, 100, into)
        return (time.perf_counter() - begin) / REQUESTS


# ------------------------------------------------------------------ the ways --

def start_mitmproxy(scratch):
    """Its port, and its process; or nothing."""
    program = shutil.which("mitmdump")
    if not program:
        return None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "-q", "-p", str(port), "--set", "confdir=" + scratch, "--set", "stream_large_bodies=100k",
         "--set", "http2=false", "--ssl-insecure"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return port, process
        except ConnectionRefusedError:
            time.sleep(0.1)
    return None


def ways(interpose, scratch):
    base = [interpose, "-q", "--only", "-e", "allow read,write,exec /**", "-e", "allow env *",
            "-C", scratch + "/project"]
    named = [*base, "-e", f"allow connect {NAME}:{PORT}"]
    found = {
        "bare": [],
        "direct": [*base, "-e", f"allow connect {ADDRESS}:{PORT}"],
        "relayed": named,
        "terminated": [*named, "-e", f"deny http GET {NAME}:{PORT}/never"],
        "secret": [*named, "-e", f"secret key from env BENCH_KEY to {NAME}:{PORT}"],
    }
    return found


def measure(given, how, scratch, proxy):
    """Seconds by work and way."""
    world = os.environ["WORLD"]
    times = {name: {way: [] for way in how} for name in given.work}
    for _ in range(given.rounds):
        for name in given.work:
            for way, command in how.items():
                environment = {"PATH": os.environ["PATH"], "HOME": scratch, "XDG_STATE_HOME": scratch + "/state",
                               "BENCH_KEY": KEY, "SSL_CERT_FILE": world + "/cert.pem"}
                if way == "mitmproxy":
                    environment["BENCH_PROXY"] = str(proxy[0])
                done = subprocess.run(
                    [*command, sys.executable, os.path.abspath(__file__), "--client", name,
                     ADDRESS if way == "direct" else NAME, str(given.megabytes)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, cwd=scratch, check=True,
                    timeout=120)
                times[name][way].append(float(done.stdout))
    return times


def show(given, times):
    for name, found in times.items():
        bare = statistics.median(found["bare"])
        for way, seconds in found.items():
            median = statistics.median(seconds)
            rate = {"download": "%8.0f MiB/s" % (given.megabytes / median),
                    "requests": "%8.0f each second" % (1 / median),
                    "connections": "%8.2f ms each" % (median * 1e3)}[name]
            print("%-12s %-11s %-22s %6.2f" % (name, way, rate, median / bare))


def hold(megabits):
    """Only what the far end sends: what a broker hands on crosses no link."""
    rates = (("1:1", "%dmbit" % megabits), ("1:2", "100gbit"))
    lines = ["qdisc add dev lo root handle 1: htb default 2"]
    lines += ["class add dev lo parent 1: classid %s htb rate %s quantum 60000" % rate for rate in rates]
    lines += ["filter add dev lo parent 1: protocol ip u32 match ip src %s flowid 1:1" % ADDRESS]
    for line in lines:
        subprocess.run(["tc", *line.split()], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interpose")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--link", type=int, metavar="MBIT")
    parser.add_argument("--json")
    parser.add_argument("work", nargs="*")
    given = parser.parse_intermixed_args()
    if given.link:
        hold(given.link)
    given.work = given.work or ["download", "requests", "connections"]
    server = subprocess.Popen([sys.executable, __file__, "--server"], stdout=subprocess.PIPE)
    server.stdout.readline()
    with tempfile.TemporaryDirectory(prefix="bench-net.") as scratch:
        os.mkdir(scratch + "/project")
        proxy = start_mitmproxy(scratch)
        try:
            how = ways(os.path.abspath(given.interpose), scratch)
            if proxy:
                how["mitmproxy"] = []
            print("%d processors, load %.1f, %d rounds, %d MiB%s" %
                  (os.cpu_count(), os.getloadavg()[0], given.rounds, given.megabytes,
                   ", a link of %d Mbit/s" % given.link if given.link else ""), flush=True)
            times = measure(given, how, scratch, proxy)
        finally:
            for process in [server] + ([proxy[1]] if proxy else []):
                process.kill()
                process.wait()
    show(given, times)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as out:
            json.dump({"rounds": given.rounds, "megabytes": given.megabytes, "link": given.link,
                       "times": times}, out)


if sys.argv[1] == "--client":
    print(work(sys.argv[2], sys.argv[3], int(sys.argv[4])))
elif sys.argv[1] == "--server":
    serve(os.environ["WORLD"])
else:
    main()
