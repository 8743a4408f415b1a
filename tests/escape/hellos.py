"""ClientHellos of network_requests.py: written by hand, and of a client that says two."""
import ctypes
import struct


def hello(extensions, mark, head=b"\x16\x03\x01"):
    body = (b"\x03\x03" + mark.ljust(32, b"r")[:32] + b"\0" +
            b"\0\2\x13\1" + b"\1\0" +
            struct.pack(">H", len(extensions)) + extensions)
    body = b"\1" + struct.pack(">I", len(body))[1:] + body
    return head + struct.pack(">H", len(body)) + body


def sni(*names):
    entries = b"".join(b"\0" + struct.pack(">H", len(x)) + x for x in names)
    entries = struct.pack(">H", len(entries)) + entries
    return b"\0\0" + struct.pack(">H", len(entries)) + entries


class OpenSSL:
    """A client that may change its mind between two ClientHellos: nothing is read
    before it has."""

    def __init__(self, connection, more=None):
        self.library = library = ctypes.CDLL("libssl.so.3")
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new", "BIO_new", "BIO_s_mem"):
            getattr(library, name).restype = ctypes.c_void_p
        pointer = ctypes.c_void_p
        context = library.SSL_CTX_new(pointer(library.TLS_client_method()))
        if more:
            self.extend(pointer(context), *more)
        self.ssl = pointer(library.SSL_new(pointer(context)))
        self.come, self.go = (pointer(library.BIO_new(pointer(library.BIO_s_mem()))) for _ in range(2))
        library.SSL_set_bio(self.ssl, self.come, self.go)
        self.connection = connection

    def extend(self, context, number, data):
        """Have each ClientHello bear this extension."""
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        kind = ctypes.CFUNCTYPE(ctypes.c_int, pointer, ctypes.c_uint, ctypes.c_uint, ctypes.POINTER(pointer),
                                ctypes.POINTER(size), pointer, size, pointer, pointer)
        room = ctypes.create_string_buffer(data)

        def add(ssl, number, where, out, length, certificate, index, alert, more):
            out[0], length[0] = ctypes.addressof(room), len(data)
            return 1
        self.add = kind(add)
        if self.library.SSL_CTX_add_custom_ext(context, number, 0x80, self.add, None, None, None, None) != 1:
            raise OSError("no such extension")

    def until_done(self, step):
        """Do it, with what has to be sent and received for it."""
        room = ctypes.create_string_buffer(20000)
        while True:
            done = step()
            while (size := self.library.BIO_read(self.go, room, len(room))) > 0:
                self.connection.sendall(room[:size])
            if done > 0:
                return done
            got = self.connection.recv(20000)
            if not got:
                raise OSError("no TLS")
            self.library.BIO_write(self.come, got, len(got))

    def connect(self, *names):
        names = list(names)

        def step():
            if names:
                self.library.SSL_ctrl(self.ssl, 55, 0, names.pop(0))
            return self.library.SSL_connect(self.ssl)
        self.until_done(step)

    def get(self, host, path):
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self.until_done(lambda: self.library.SSL_write(self.ssl, request, len(request)))
        answer = ctypes.create_string_buffer(1000)
        return answer[:self.until_done(lambda: self.library.SSL_read(self.ssl, answer, 1000))]
