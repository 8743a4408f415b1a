#!/bin/sh
# Events leave in the three forms that collectors take, and arrive.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
source=$(cd "$(dirname "$0")/../.." && pwd)
command -v python3 >/dev/null || {
	echo "SKIP: no python3 here"
	exit 77
}
here=$(mktemp -d "$PWD/export.XXXXXX") || exit 99
# The path of a socket is short, whatever the directory's is.
short=$(mktemp -d) || exit 99
trap 'rm -rf "$here" "$short"' EXIT
made=$here/20260304-000000-agent-0000
python3 "$source/tests/report/session.py" "$made" 700 || exit 99
cat >"$here/look.py" <<'PYTHON'
import http.server, json, os, re, shutil, socket, ssl, subprocess, sys, threading

interpose, made, short = sys.argv[1:4]
wrong = []


def check(what, good):
    if not good:
        wrong.append(what)


def export(*words):
    return subprocess.run([interpose, "log", "export", *words, made],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


log = [json.loads(line) for line in open(made + "/events.jsonl")]

# JSON lines: the events, and whose they are.
done = export()
lines = done.stdout.decode().splitlines()
check("json: %r" % done.stderr, done.returncode == 0 and len(lines) == 700)
for line, event in zip(lines, log):
    got = json.loads(line)
    check("json: no session", got.pop("session") == os.path.basename(made))
    check("json: no host", got.pop("host"))
    got.pop("program"), got.pop("project")
    check("json: another event", got == event)


# OTLP, as the protocol has it.
def records(requests):
    found = []
    for request in requests:
        for resource in request["resourceLogs"]:
            names = {a["key"]: a["value"]["stringValue"]
                     for a in resource["resource"]["attributes"]}
            check("otlp: resource", names["service.name"] == "interpose" and
                  names["interpose.session"] == os.path.basename(made))
            for scope in resource["scopeLogs"]:
                found += scope["logRecords"]
    return found


def look_at(found, how):
    check(how + ": %d records" % len(found), len(found) == 700)
    for record, event in zip(found, log):
        values = {a["key"]: a["value"] for a in record["attributes"]}
        check(how + ": kind",
              values["interpose.event"]["stringValue"] == event["event"])
        check(how + ": time", re.fullmatch(r"\d{19}", record["timeUnixNano"]))
        check(how + ": number",
              values["interpose.seq"]["intValue"] == str(event["seq"]))
        check(how + ": body", record["body"]["stringValue"])
        weight = 18 if event["event"] == "alert" else 13 if event.get(
            "verdict") in ("deny", "hide") and event.get("by") != "person" else None
        if weight and event["event"] != "ask":
            check(how + ": severity", record["severityNumber"] == weight)
        if event["event"] == "exec":
            args = values["process.command_args"]["arrayValue"]["values"]
            check(how + ": argv", len(args) == len(event["argv"]))


done = export("--format", "otlp")
text = done.stdout.decode()
check("otlp has control characters or marks",
      not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text))
look_at(records(json.loads(line) for line in text.splitlines()), "otlp")

received, answers, said = [], [], []


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, after = answers.pop(0) if answers else (200, None)
        if status == 200:
            check("http: path", self.path == "/v1/logs")
            check("http: type",
                  self.headers["Content-Type"] == "application/json")
            received.append(json.loads(body))
        self.send_response(status)
        if after:
            self.send_header("Retry-After", after)
        body = said.pop(0) if status == 200 and said else b"{}"
        if isinstance(body, list):
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                            for part in body) + b"0\r\n\r\n"
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = "http://127.0.0.1:%d" % server.server_port
done = export("--format", "otlp", "--to", url)
check("http: %r" % done.stderr, done.returncode == 0 and not done.stdout)
look_at(records(received), "http")
answers.append((500, None))
done = export("--format", "otlp", "--to", url)
check("an answer of 500 is no success",
      done.returncode == 1 and b"500" in done.stderr and not answers)
check("whose fault it was: %r" % done.stderr, b"cannot read" not in done.stderr)
received.clear()
answers += [(429, "0"), (503, "0")]
done = export("--format", "otlp", "--to", url)
check("429 comes again: %r" % done.stderr, done.returncode == 0 and not answers)
look_at(records(received), "after 429")
answers += [(503, "0")] * 4
done = export("--format", "otlp", "--to", url)
check("not for ever: %r" % done.stderr, done.returncode == 1 and not answers)

# Some of the events rejected: with the collector's words, and no retry.
some = b'"partialSuccess":{"rejectedLogRecords":%s,"errorMessage":"too\\u001b old"}'
for number in b'"2"', b"2":
    received.clear()
    said.append(b"{" + some % number + b"}")
    done = export("--format", "otlp", "--to", url)
    check("rejected: %r" % done.stderr,
          done.returncode == 1 and b"rejected 2 events: too" in done.stderr
          and b" old\n" in done.stderr and b"\x1b" not in done.stderr)
    look_at(records(received), "with some rejected")
said.append([b"{" + some[:30], some[30:] % b'"1"', b"}"])
done = export("--format", "otlp", "--to", url)
check("rejected, in chunks: %r" % done.stderr,
      done.returncode == 1 and b"rejected 1 event: too" in done.stderr)
said.append(b'{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"take care"}}')
done = export("--format", "otlp", "--to", url)
check("a warning is none: %r" % done.stderr,
      done.returncode == 0 and b"warns: take care\n" in done.stderr)
for text in (b"", b"{", b"[]", b'"x"', b"\x00\xff", b'{"partialSuccess":null}',
             b'{"partialSuccess":{"rejectedLogRecords":-1}}',
             b'{"partialSuccess":{"rejectedLogRecords":[]}}', b"{" * 100000,
             [b"{}"], []):
    said.append(text)
    done = export("--format", "otlp", "--to", url)
    check("%r is a success: %r" % (text[:60], done.stderr),
          done.returncode == 0 and not done.stderr)
check("all was said", not said)

done = export("--format", "otlp", "--to", "http://127.0.0.1:99999")
check("a port", done.returncode == 1 and b"this is none of" in done.stderr)
server.shutdown()
server.server_close()
done = export("--format", "otlp", "--to", url)
check("a collector that is not there", done.returncode == 1)

plain = http.server.HTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=plain.serve_forever, daemon=True).start()

# syslog, in a frame of RFC 5424.
form = re.compile(r"<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ interpose "
                  r"\d+ [a-z]+ \[interpose@32473( [a-z]+=\"([^\"\\\]]|\\.)*\")+\] \S.*")


def look_at_syslog(lines, how, least=700):
    check(how + ": %d lines" % len(lines), len(lines) >= least)
    for line in lines:
        found = form.fullmatch(line)
        check(how + ": %r" % line[:200], found)
        seq = re.search(r' seq="(\d+)"', line)
        event = log[int(seq.group(1)) - 1] if seq else {"event": None}
        if found and event["event"] == "alert":
            check(how + ": severity", found.group(1) == "82")


look_at_syslog(export("--format", "syslog").stdout.decode().splitlines(), "syslog")
path = short + "/log"
unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
unix.bind(path)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
udp.settimeout(2)


def receive(of, to, least):
    got = []

    def run():
        while len(got) < 700:
            try:
                got.append(of.recv(65536).decode())
            except TimeoutError:
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    done = export("--format", "syslog", "--to", to)
    check(to + " %r" % done.stderr, done.returncode == 0)
    thread.join(30)
    look_at_syslog(list(got), to.split(":")[0], least)


receive(unix, "unix:" + path, 700)
# Datagrams may be lost where the receiver is slow; the order stays.
receive(udp, "udp:127.0.0.1:%d" % udp.getsockname()[1], 1)
tcp = socket.create_server(("127.0.0.1", 0))
done = {}
thread = threading.Thread(target=lambda: done.update(got=b"".join(
    iter(lambda c=tcp.accept()[0]: c.recv(65536), b""))), daemon=True)
thread.start()
export("--format", "syslog", "--to", "tcp:127.0.0.1:%d" % tcp.getsockname()[1])
thread.join(30)


def frames(rest):
    lines = []
    while rest:
        count, rest = rest.split(b" ", 1)
        lines.append(rest[:int(count)].decode())
        rest = rest[int(count):]
    return lines


look_at_syslog(frames(done.get("got", b"")), "tcp")


# TLS: to who has a certificate for that name, by whom we believe; to no other.
def make_certificate(name, *names):
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
             "-keyout", f"{short}/{name}.key", "-out", f"{short}/{name}.pem"]
    subprocess.run(words + ["-addext", "subjectAltName=" + ",".join(names)], check=True, stderr=subprocess.DEVNULL)


def serve_tls(name, handler):
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{short}/{name}.pem", f"{short}/{name}.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *words: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def serve_syslog(name):
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{short}/{name}.pem", f"{short}/{name}.key")
    got = {}

    def run():
        try:
            # An end without TLS's own word would be an error, too.
            with context.wrap_socket(listener.accept()[0], server_side=True, suppress_ragged_eofs=False) as one:
                got["bytes"] = b"".join(iter(lambda: one.recv(65536), b""))
        except OSError as error:
            got["error"] = str(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return listener.getsockname()[1], thread, got


if shutil.which("openssl"):
    make_certificate("here", "IP:127.0.0.1,DNS:localhost")
    make_certificate("elsewhere", "DNS:elsewhere.example")
    here, elsewhere = serve_tls("here", Collector), serve_tls("elsewhere", Collector)
    believe = ["--ca", short + "/here.pem"]
    for host in "127.0.0.1", "localhost":
        received.clear()
        done = export("--format", "otlp", "--to", f"https://{host}:{here}", *believe)
        check("https: %r" % done.stderr, done.returncode == 0 and not done.stdout)
        look_at(records(received), "https")
    received.clear()
    for what, words in {
            "nobody known": ["--to", f"https://127.0.0.1:{here}"],
            "another name": ["--to", f"https://127.0.0.1:{elsewhere}", "--ca", short + "/elsewhere.pem"],
            "another authority": ["--to", f"https://127.0.0.1:{here}", "--ca", short + "/elsewhere.pem"],
            "no such file": ["--to", f"https://127.0.0.1:{here}", "--ca", short + "/none"],
            "no certificates": ["--to", f"https://127.0.0.1:{here}", "--ca", short + "/here.key"],
            "TLS to who has none": ["--to", f"https://127.0.0.1:{plain.server_port}", *believe],
            "--ca without TLS": ["--to", f"http://127.0.0.1:{here}", *believe]}.items():
        done = export("--format", "otlp", *words)
        check(f"https, {what}: {done.stderr!r}", done.returncode == 1 and done.stderr.startswith(b"interpose: "))
    check("https: something was sent to a stranger", not received)
    port, thread, got = serve_syslog("here")
    done = export("--format", "syslog", "--to", f"tls:localhost:{port}", *believe)
    check("tls: %r" % done.stderr, done.returncode == 0)
    thread.join(30)
    check("tls: %r" % got.get("error"), "error" not in got)
    look_at_syslog(frames(got.get("bytes", b"")), "tls")
    port, thread, got = serve_syslog("elsewhere")
    done = export("--format", "syslog", "--to", f"tls:localhost:{port}", "--ca", short + "/elsewhere.pem")
    check("tls: to a stranger", done.returncode == 1 and "bytes" not in got)

for words in (["--format", "xml"], ["--to", url], ["--format", "otlp", "--to", "ftp://x"],
              ["--format", "otlp", "--to", "udp:127.0.0.1:9"],
              ["--format", "syslog", "--to", "unix:nowhere"], ["--all", "--follow"]):
    check("taken: %r" % words, export(*words).returncode != 0)
print("\n".join(wrong[:20]))
sys.exit(bool(wrong))
PYTHON
python3 "$here/look.py" "$interpose" "$made" "$short" || {
	echo "FAILED"
	exit 1
}
