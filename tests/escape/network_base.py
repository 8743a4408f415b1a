"""What the attacks of network.py share: their table, the hosts that they go to, and
connections."""
import os
import socket
import ssl
import struct

WORLD, HOME = os.environ["WORLD"], os.environ["HOME"]
ONE, TWO, META, LAN = "203.0.113.10", "203.0.113.11", "169.254.169.254", "10.0.0.5"
RAW = 4433  # a port of TLS whose server writes down whatever comes
ODD = 7780  # one of HTTP, though no usual one
AGAIN = 4434  # one whose server asks each client for another ClientHello
attacks = {}


def attack(function):
    attacks[function.__name__.replace("_", "-")] = function
    return function


def tcp(host, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM)
    limit = struct.pack("ll", 5, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    s.connect((host, port))
    return s


def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 3, 0))
    return s


def named(name, port):
    """As a program does: look it up, then connect."""
    found = socket.getaddrinfo(name, port, socket.AF_INET, socket.SOCK_STREAM)
    return tcp(*found[0][4])


def get(connection, host, path, extra=""):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n"
                       .encode())
    return connection.recv(1000)


def tls(connection, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=name)
