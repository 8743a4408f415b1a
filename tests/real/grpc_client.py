"""Makes calls of every kind by grpcio, and prints how they go: grpc_client.py HOST:PORT"""

import concurrent.futures
import os
import sys
import threading

sys.path.pop(0)  # there is a grpc.py beside this file
import grpc

KEY = "Bearer " + os.environ["API_KEY"]
print("the key:", KEY, file=sys.stderr)
channel = grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials())


def call(kind, name, request, **more):
    return getattr(channel, kind)("/t.T/" + name)(request, metadata=(("authorization", KEY),), **more)


def unary(name, request, **more):
    return getattr(channel, "unary_unary")("/t.T/" + name).with_call(request, metadata=(("authorization", KEY),), **more)


def told(metadata):
    """Those that the server sets; its key, when it comes back, is what was sent."""
    return sorted((name, "mine" if value == KEY else value) for name, value in metadata if name.startswith("x-"))


def status(what, made):
    """How a call ends."""
    got = []
    try:
        if hasattr(made, "__next__"):
            for part in made:
                got.append(part[:10])
        else:
            got.append(made())
    except grpc.RpcError as error:
        details = error.details() if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED else ""  # one of several
        print(what, got, error.code(), repr(details), told(error.trailing_metadata() or ()))
    else:
        print(what, got, "no error")


answer, how = unary("echo", b"hello")
print("unary", answer, how.code(), told(how.initial_metadata()), told(how.trailing_metadata()))
answer, how = unary("key_back", b"")
print("the key in a message", answer == KEY.encode())
answer, how = unary("echo", b"z" * 3000000)
print("a long one", len(answer), how.code())
answer, how = unary("echo", b"z" * 300000, compression=grpc.Compression.Gzip)
print("a compressed one", len(answer), how.code())
answer, how = unary("echo", b"")
print("an empty one", answer)

counted = call("unary_stream", "count", b"50")
sizes = [len(part) for part in counted]
print("server streaming", sizes, counted.code(), told(counted.trailing_metadata()))
print("none", list(call("unary_stream", "count", b"0")))

print("client streaming", call("stream_unary", "add", (b"y" * (i * 1009 % 50000) for i in range(50))))
print("none", call("stream_unary", "add", iter(())))

lock, said = threading.Condition(), []


def words():
    for i in range(30):
        yield b"word %d" % i
        with lock:  # the next one only when this came back
            lock.wait_for(lambda: len(said) > i, 30)


for part in call("stream_stream", "talk", words()):
    with lock:
        said.append(part)
        lock.notify()
print("both ways", said[0], len(said), said[-1])

with concurrent.futures.ThreadPoolExecutor(60) as pool:
    answers = list(pool.map(lambda i: unary("echo", b"%d" % i)[0], range(120)))
print("many at once", answers == [b"%d" % i for i in range(120)])

status("an error", lambda: unary("fail", b"why"))
status("at once", lambda: unary("fail_at_once", b""))
status("an unknown call", lambda: unary("no_such_call", b""))
status("amidst", call("unary_stream", "fail_amidst", b""))


def without_end():
    while True:
        yield b"x" * 10000


status("while it sends", lambda: call("stream_unary", "enough", without_end()))
status("an early answer", lambda: call("stream_unary", "early", without_end()))

going = call("unary_stream", "forever", b"")
print("one that is given up", next(going), going.cancel())
status("it", going)
print("the server knows", unary("was_told", b"")[0])
status("a deadline", call("unary_stream", "forever", b"", timeout=5))
print("the server knows", unary("was_told", b"")[0])
print("after all that", unary("echo", b"hello")[0])
