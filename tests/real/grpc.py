"""Clients of gRPC, bare and supervised: grpc.py INTERPOSE, inside tests/net/enter.

A server of our own has a call of each kind, and some that end in another way.
What a client prints must be the same both times; the server is sent the key,
which under interpose the client does not have."""

import concurrent.futures
import difflib
import os
import subprocess
import sys
import threading

sys.path.pop(0)  # this file has the name of what is imported
import grpc

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "net"))
from cases import expect, finish

INTERPOSE = sys.argv[1]
HERE = os.path.realpath(os.getcwd())
SOURCE = os.path.dirname(os.path.realpath(__file__))
WORLD = os.environ["WORLD"]
VALUE = "sk-ant-api03-" + os.urandom(18).hex()
keys, gone = [], threading.Semaphore(0)


def begin(context):
    """Each call brings the key, and is sent it back in three places."""
    key = dict(context.invocation_metadata()).get("authorization", "none")
    keys.append(key)
    context.send_initial_metadata((("x-key", key), ("x-begun", "yes")))
    context.set_trailing_metadata((("x-key", key), ("x-note-bin", b"\0\1\xff note")))
    return key


def echo(request, context):
    begin(context)
    return request


def key_back(request, context):
    return begin(context).encode()


def count(request, context):
    begin(context)
    for i in range(int(request)):
        yield b"%d:" % i + b"x" * (i * 997 % 40000)


def add(requests, context):
    begin(context)
    sizes = [len(request) for request in requests]
    return b"%d messages, %d bytes" % (len(sizes), sum(sizes))


def talk(requests, context):
    begin(context)
    for request in requests:
        yield b"you said " + request


def fail(request, context):
    begin(context)
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not like this: é 100%\n" + request.decode())


def fail_at_once(request, context):
    """An answer of trailers alone."""
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


def fail_amidst(request, context):
    begin(context)
    yield b"one"
    yield b"two"
    context.abort(grpc.StatusCode.DATA_LOSS, "no more")


def enough(requests, context):
    """Ends while the client is still sending."""
    begin(context)
    next(requests)
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")


def early(requests, context):
    """Answers, and does not want the rest."""
    begin(context)
    return b"got " + next(requests)[:5]


def forever(request, context):
    begin(context)
    over = threading.Event()

    def end():
        over.set()
        gone.release()
    context.add_callback(end)
    yield b"starts"  # as keys begin: sk-
    over.wait(60)


def was_told(request, context):
    """Whether the call before was given up here, too."""
    return b"yes" if gone.acquire(timeout=20) else b"no"


KINDS = {
    "unary_unary": (echo, key_back, fail, fail_at_once, was_told),
    "unary_stream": (count, fail_amidst, forever),
    "stream_unary": (add, enough, early),
    "stream_stream": (talk,),
}


def serve():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(80))
    for kind, calls in KINDS.items():
        make = getattr(grpc, kind + "_rpc_method_handler")
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            "t.T", {call.__name__: make(call) for call in calls})])
    with open(WORLD + "/key.pem", "rb") as key, open(WORLD + "/cert.pem", "rb") as certificate:
        credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
    port = server.add_secure_port("203.0.113.10:0", credentials)
    server.start()
    return server, f"good.test:{port}"


def run(way, name, words, host):
    """What the client prints, and the keys that came to the server."""
    home = f"{HERE}/{name}.{way}"
    project = home + "/project"
    os.makedirs(project)
    environment = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "API_KEY": VALUE,
                   "XDG_STATE_HOME": home + "/state", "SSL_CERT_FILE": WORLD + "/cert.pem", "NODE_EXTRA_CA_CERTS": WORLD + "/cert.pem",
                   "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": WORLD + "/cert.pem", "PYTHONPATH": os.environ["MODULES"],
                   "NODE_PATH": os.environ["NODE_MODULES"], "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*words, host]
    if way != "bare":
        rules = ["allow read,exec /**", "allow read,write /dev/null", f"allow connect {host}", "allow env *",
                 f"secret key from env API_KEY to {host}"]
        command = [INTERPOSE, "-q", "--only", "-C", project,
                   *[word for rule in rules for word in ("-e", rule)], *command]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=project, timeout=200,
                         stdin=subprocess.DEVNULL, check=False)
    # It says there which key it has.
    expect(f"{name}, {way}: the client has the key", VALUE in ran.stderr, way == "bare")
    seen = set(keys)
    keys.clear()
    while gone.acquire(blocking=False):
        pass
    return ran, seen


def client(name, words, host):
    bare, seen = run("bare", name, words, host)
    expect(f"{name}, bare: its end", (bare.returncode, "after all that" in bare.stdout), (0, True))
    expect(f"{name}, bare: keys", seen, {"Bearer " + VALUE})
    held, seen = run("held", name, words, host)
    difference = list(difflib.unified_diff(bare.stdout.splitlines(), held.stdout.splitlines(), "bare", "held", n=0))
    expect(f"{name}: what it prints", (held.returncode, difference), (0, []))
    if held.returncode or difference:
        print(held.stderr[-3000:])
    expect(f"{name}: the server is sent the key", seen, {"Bearer " + VALUE})


server, host = serve()
client("python", [os.environ["PYTHON"], SOURCE + "/grpc_client.py"], host)
if os.environ["NODE_MODULES"]:
    client("node", ["node", SOURCE + "/grpc_client.cjs"], host)
else:
    print("skipped: node: it is not here, or npm cannot fetch @grpc/grpc-js")
server.stop(None)
finish()
