"""HTTP/2 for tests, either side, down to the frame: what is wrong can be sent, too.

Heads are written as literals; those that come are read by libnghttp2's decoder."""

import ctypes
import socket
import ssl
import struct
import threading

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CALM, PROTOCOL, INTERNAL, REFUSED, CANCEL = 11, 1, 2, 7, 8

library = ctypes.CDLL("libnghttp2.so.14")


class Field(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p), ("name_length", ctypes.c_size_t),
                ("value_length", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
library.nghttp2_hd_inflate_hd2.argtypes = [
    ctypes.c_void_p, ctypes.POINTER(Field), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
library.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]


class Decoder:
    def __init__(self):
        self.inflater = ctypes.c_void_p()
        library.nghttp2_hd_inflate_new(ctypes.byref(self.inflater))

    def fields(self, block):
        found, field, flags = [], Field(), ctypes.c_int()
        while True:
            used = library.nghttp2_hd_inflate_hd2(
                self.inflater, ctypes.byref(field), ctypes.byref(flags), block, len(block), 1)
            if used < 0:
                raise ValueError("HPACK")
            block = block[used:]
            if flags.value & 2:
                found.append((ctypes.string_at(field.name, field.name_length).decode("latin1"),
                              ctypes.string_at(field.value, field.value_length).decode("latin1")))
            if flags.value & 1:
                library.nghttp2_hd_inflate_end_headers(self.inflater)
                return found


def number(value, bits):
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = bytes([most]), value - most
    while value >= 128:
        out, value = out + bytes([value % 128 + 128]), value // 128
    return out + bytes([value])


def literal(text):
    text = text if isinstance(text, bytes) else text.encode("latin1")
    return number(len(text), 7) + text


def block(fields):
    return b"".join(b"\0" + literal(name) + literal(value) for name, value in fields)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Connection:
    """Frames over a socket; those that come are kept, heads decoded."""

    def __init__(self, sock, client=True, settings=b""):
        self.sock, self.decoder, self.next = sock, Decoder(), 1
        self.buffer = b""
        self.lock = threading.Lock()
        self.window = True  # what comes is acknowledged
        self.room, self.initial = {0: 65535}, 65535  # what the peer takes
        sock.sendall((PREFACE if client else b"") + frame(SETTINGS, 0, 0, settings))

    def send(self, *frame_of):
        with self.lock:
            self.sock.sendall(frame(*frame_of))

    def read(self, length):
        while len(self.buffer) < length:
            part = self.sock.recv(65536)
            if not part:
                raise EOFError
            self.buffer += part
        out, self.buffer = self.buffer[:length], self.buffer[length:]
        return out

    def receive(self):
        """The next frame: kind, flags, stream, payload (of a head: its fields)."""
        head = self.read(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self.read(int.from_bytes(head[:3], "big"))
        if kind == HEADERS:
            while not flags & END_HEADERS:
                more = self.read(9)
                payload += self.read(int.from_bytes(more[:3], "big"))
                flags |= more[4]
            payload = self.decoder.fields(payload)
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == 4:
                    for one in self.room:
                        self.room[one] += value - self.initial if one else 0
                    self.initial = value
            self.send(SETTINGS, ACK, 0)
        elif kind == WINDOW:
            self.room[stream] = self.room.get(stream, self.initial) + struct.unpack(">I", payload)[0]
        elif kind == PING and not flags & ACK:
            self.send(PING, ACK, 0, payload)
        elif kind == DATA and payload and self.window:
            self.send(WINDOW, 0, 0, struct.pack(">I", len(payload)))
            if not flags & END_STREAM:
                self.send(WINDOW, 0, stream, struct.pack(">I", len(payload)))
        return kind, flags, stream, payload

    def head(self, fields, end=True, stream=None):
        if stream is None:
            stream, self.next = self.next, self.next + 2
        self.send(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(fields))
        return stream

    def may_send(self, stream):
        return min(self.room[0], self.room.setdefault(stream, self.initial), 16384)

    def data(self, stream, data, end=False):
        """All of it, as far as the peer takes it; step() takes its frames meanwhile."""
        while True:
            room = self.may_send(stream)
            if data and not room:
                if not self.step():
                    raise EOFError
                continue
            part, data = data[:room], data[room:]
            self.room[0] -= len(part)
            self.room[stream] -= len(part)
            self.send(DATA, END_STREAM if end and not data else 0, stream, part)
            if not data:
                return


class Answer:
    def __init__(self):
        self.interim, self.head, self.body, self.trailers = [], None, b"", None
        self.reset = self.goaway = None
        self.over = False

    @property
    def status(self):
        return int(self.head[":status"]) if self.head else None


class Client(Connection):
    def __init__(self, sock, settings=b""):
        super().__init__(sock, True, settings)
        self.answers = {}
        self.goaway = None
        self.closed = False

    def ask(self, method, path, fields=(), body=None, authority=None, end=True):
        head = [(":method", method), (":scheme", "https"), (":authority", authority or self.authority), (":path", path)]
        stream = self.head(head + list(fields), end and body is None)
        self.answers[stream] = Answer()
        if body is not None:
            self.data(stream, body, end)
        return stream

    def step(self):
        """Take one frame; false at the end."""
        try:
            kind, flags, stream, payload = self.receive()
        except (EOFError, ConnectionError, ssl.SSLError):
            self.closed = True
            return False
        answer = self.answers.setdefault(stream, Answer())
        if kind == HEADERS:
            fields = dict(payload)
            if fields.get(":status", "").startswith("1"):
                answer.interim.append(fields)
            elif answer.head is None:
                answer.head = fields
            else:
                answer.trailers = fields
        elif kind == DATA:
            answer.body += payload
        elif kind == RESET:
            answer.reset, answer.over = struct.unpack(">I", payload)[0], True
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">I", payload[4:8])[0], payload[8:]
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            answer.over = True
        return True

    def wait(self, stream):
        while not self.answers[stream].over and self.step():
            pass
        return self.answers[stream]

    def get(self, *what, **more):
        return self.wait(self.ask(*what, **more))

    def until_closed(self):
        while self.step():
            pass
        return self.goaway


class Server(Connection):
    """Serves one connection: `serve` is called with each request, when its head is
    there, and then with each part of its body."""

    def __init__(self, sock, serve, settings=b""):
        super().__init__(sock, False, settings)
        self.serve, self.requests, self.waiting = serve, {}, []
        self.read(len(PREFACE))

    def step(self):
        try:
            kind, flags, stream, payload = self.receive()
        except (EOFError, OSError):
            return False
        end = bool(flags & END_STREAM)
        if kind == HEADERS and stream not in self.requests:
            self.requests[stream] = Request(self, stream, payload)
            self.serve(self.requests[stream], b"", end)
        elif kind == HEADERS:
            self.requests[stream].trailers = dict(payload)
            self.serve(self.requests[stream], b"", True)
        elif kind == DATA and stream in self.requests:
            self.requests[stream].body += payload
            self.serve(self.requests[stream], payload, end)
        elif kind == RESET and stream in self.requests:
            self.requests[stream].reset = struct.unpack(">I", payload)[0]
        return True


class Request:
    def __init__(self, connection, stream, fields):
        self.connection, self.stream, self.fields = connection, stream, fields
        self.head, self.body, self.trailers, self.reset = dict(fields), b"", None, None

    def answer(self, fields, end=False, status="200"):
        self.connection.head([(":status", status), *fields], end, self.stream)

    def send(self, data, end=False):
        self.connection.data(self.stream, data, end)

    def trail(self, fields):
        self.connection.head(fields, True, self.stream)


def listen(context, serve, protocols=("h2",)):
    """A server of HTTP/2; returns its port, and the list of its connections."""
    context.set_alpn_protocols(list(protocols))
    listener, connections = socket.create_server(("127.0.0.1", 0)), []

    def one(sock):
        try:
            with context.wrap_socket(sock, server_side=True) as sock:
                connection = Server(sock, serve)
                connections.append(connection)
                while connection.step():
                    pass
        except (OSError, EOFError):
            pass

    def accept():
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1], connections


def connect(port, name, ca, upstream_port, protocols=("h2",), settings=b""):
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(list(protocols))
    sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60), server_hostname=name)
    sock.settimeout(60)
    if sock.selected_alpn_protocol() != "h2":
        raise ValueError(f"{sock.selected_alpn_protocol()} was chosen")
    client = Client(sock, settings)
    client.authority = f"{name}:{upstream_port}"
    return client
