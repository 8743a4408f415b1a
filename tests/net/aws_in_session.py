"""AWS keys that are only in `secret` rules: aws_in_session.py INTERPOSE

A server of our own says who signed what it was sent, by keys that no program of
the session has.
"""

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

from aws_sign import signature, verified
from cases import expect, finish, session

INTERPOSE = sys.argv[1]
HERE = os.path.dirname(os.path.realpath(__file__))


def made(prefix, length):
    return prefix + os.urandom(length).hex().upper()[:length]


# The example that AWS publishes, so that the rules here are theirs.
expect("get-vanilla", signature(
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "GET", "/", [("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z")],
    "host;x-amz-date", "20150830T123600Z", "20150830/us-east-1/service/aws4_request",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")

IDS = {name: made("AKIA" if name in ("default", "foreign") else "ASIA", 16)
       for name in ("default", "temporary", "renewed", "again", "foreign")}
SECRETS = {name: os.urandom(15).hex() + "/+" + os.urandom(4).hex() for name in IDS}
TOKENS = {name: "IQoJb3JpZ2luX2VjE/+=" + os.urandom(150).hex() + "==" for name in ("temporary", "renewed", "again")}


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    got = {}

    def log_message(self, *args):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(size)
            while self.rfile.readline().strip():
                pass
            if not size:
                return body

    def do_GET(self):
        body = self.body()
        name = self.path.split("?")[0].split("/")[1]
        headers = list(self.headers.items())
        keys = {IDS[k]: SECRETS[k] for k in IDS}
        who = verified(keys, self.command, self.path, headers, body)
        target = self.headers.get("X-Amz-Target", "")
        if name == "" and "DynamoDB" in target:
            name = "dynamodb"
        Service.got.setdefault(name, []).append((who, dict(headers), body, self.path))
        answer = b"" if name == "bucket" and body else b"first"
        if name == "renewed":
            answer = b"again" if who == IDS["again"] else b"first"
            if len(Service.got[name]) == 2:
                write_credentials(credentials, "again")
        elif name == "dynamodb":
            answer = json.dumps({"Item": {"k": json.loads(body)["Key"]["k"]}}).encode()
        elif name == "" and body:
            answer = (b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>42</Account>"
                      b"</GetCallerIdentityResult></GetCallerIdentityResponse>")
        self.send_response(200 if who in keys or name in ("unsigned", "elsewhere") else 403)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("ETag", '"tag"')
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_GET


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def write_credentials(path, renewed):
    with open(path + ".new", "w") as out:
        for profile, name in (("default", "default"), ("temporary", "temporary"), ("renewed", renewed),
                              ("foreign", "foreign")):
            out.write(f"[{profile}]\naws_access_key_id = {IDS[name]}\naws_secret_access_key={SECRETS[name]}\n")
            if name in TOKENS:
                out.write(f"aws_session_token = {TOKENS[name]}\n")
    os.rename(path + ".new", path)


here = tempfile.TemporaryDirectory()
home, project = here.name, here.name + "/project"
credentials = home + "/.aws/credentials"
os.makedirs(home + "/.aws")
os.makedirs(project)
for script in ("aws_client.py", "aws_sign.py"):
    shutil.copy(f"{HERE}/{script}", home)
with open(home + "/.aws/config", "w") as out:
    out.write("[default]\nregion = eu-north-1\n[profile temporary]\nregion = eu-north-1\n")
write_credentials(credentials, "renewed")
mine, other = serve(), serve()
rules = [
    "allow read,exec /**", "deny write /**", f"allow read,write {project}/**", "allow env *",
    f"fake read {home}/.aws/** as aws",
    f"secret aws from file {credentials} to 127.0.0.1:{mine} in aws",
    f"secret role from file {credentials} key temporary to 127.0.0.1:{mine} in aws",
    f"secret short from file {credentials} key renewed to 127.0.0.1:{mine} in aws ttl 5s",
    f"secret gone from file {credentials} key nobody to 127.0.0.1:{mine} in aws",
    f"allow connect 127.0.0.1:{mine} 127.0.0.1:{other}",
    f"deny http GET 127.0.0.1:{other}/never",
]
command = session(INTERPOSE, project, rules, [
    sys.executable, home + "/aws_client.py", str(mine), str(other), project + "/out"])
ran = subprocess.run(command, capture_output=True, text=True, cwd=project, stdin=subprocess.DEVNULL, env={
    "PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": home + "/state", "LANG": "C.UTF-8"})
expect("it ran", ran.returncode, 0)
if ran.returncode:
    print(ran.stdout + ran.stderr)
    sys.exit(1)
with open(project + "/out") as file:
    answers = json.load(file)
got = Service.got


def arrived(name):
    return [who for who, *_ in got.get(name, [])]


for name in ("plain", "query", "path", "object", "spaces", "posted", "nobody", "hashed", "streamed", "trailer", "presigned",
             "presigned-put", "expecting", "method", "changed"):
    expect(f"{name}: is signed with the key", (arrived(name), answers[name]), ([IDS["default"]], [200, "first"]))
for name in ("temporary", "presigned-temporary"):
    expect(f"{name}: too", (arrived(name), answers[name][0]), ([IDS["temporary"]], 200))
expect("with its token", got["temporary"][0][1]["X-Amz-Security-Token"], TOKENS["temporary"])
expect("a body that is gathered is as it was", got["posted"][0][2], b"Action=GetCallerIdentity" * 20000)
expect("one that streams, too", got["streamed"][0][2], b"y" * 3000)
expect("nobody else's key is used", arrived("other-profile") == [IDS["foreign"]], False)
for name, words in {
    "forged": "not that of the placeholder", "altered": "not that of the placeholder",
    "hostless": "the list of signed headers", "disordered": "the list of signed headers",
    "repeated": "the list of signed headers", "capitals": "the list of signed headers",
    "absent": "a header that is signed is not there", "chunk-signed": "each piece of its body is signed",
    "unknown-payload": "x-amz-content-sha256 is not known", "twice": "more than one signature",
    "date-twice": "not one x-amz-date", "asymmetric": "in another way", "two-ways": "more than one signature",
    "long": "16 MiB", "pieces": "16 MiB", "split": "not well-formed",
    "misnamed": "not well-formed", "second": "in another way",
}.items():
    expect(f"{name}: does not arrive, and says why", (arrived(name), answers[name][0], words in answers[name][1] or answers[name]),
           ([], 400, True))
expect("smuggled: does not arrive", arrived("smuggled"), [])
_, headers, _, _ = got["unsigned"][0]
expect("without a signature nothing is put in its place",
       (headers["X-Amz-Security-Token"] == TOKENS["temporary"], headers["X-Comment"] == SECRETS["default"],
        len(headers["X-Amz-Security-Token"])), (False, False, len(TOKENS["temporary"])))
expect("another host gets placeholders", arrived("elsewhere")[0].startswith("not known: AWS4-HMAC-SHA256 ASIA"), True)
expect("a renewed key", (arrived("renewed")[0], arrived("renewed")[-1], set(arrived("renewed")) == {IDS["renewed"], IDS["again"]}),
       (IDS["renewed"], IDS["again"], True))
expect("and its token", got["renewed"][-1][1]["X-Amz-Security-Token"], TOKENS["again"])
if answers["botocore"] is None:
    print("SKIP: botocore: not installed")
else:
    for profile in ("default", "temporary"):
        said = answers["botocore"][profile]
        for call, wanted in {"sts": "42", "dynamodb": "ü" * 100, "put": '"tag"', "get": "first",
                             "link": [200, "first"]}.items():
            expect(f"botocore, {profile}, {call}", said[call], wanted)
with open(project + "/out.held", "rb") as file:
    held = file.read()
expect("memory was read", len(held) > 1 << 20 and b"AKIA" in held, True)
hidden = [s for name in ("default", "temporary", "renewed", "again") for s in (SECRETS[name], TOKENS.get(name), IDS[name]) if s]
expect("no key is in the session", [s for s in hidden if s.encode() in held], [])
logs = b""
for directory, _, names in os.walk(home + "/state"):
    for name in names:
        with open(os.path.join(directory, name), "rb") as file:
            logs += file.read()
expect("nor in what is said and kept", [s for s in hidden if s in ran.stderr or s.encode() in logs], [])
expect("the alert", b"exfiltration: the placeholder of the secret role was sent to 127.0.0.1" in logs, True)
expect("of the token, too", b"exfiltration: the placeholder of the secret role.token was sent" in logs, True)
expect("and none else", b"of the secret aws was sent" in logs, False)
uses = {(event["secret"], event["subject"]) for event in
        (json.loads(line) for line in logs.splitlines() if b'"event":"secret"' in line)
        if "subject" in event}
expect("each use is in the log", (("aws", f"GET 127.0.0.1:{mine}/plain") in uses, {name for name, _ in uses}),
       (True, {"aws", "role", "short"}))
expect("who is not there", "gone is left out: no AWS key with its id is there" in ran.stderr, True)
here.cleanup()
finish()
