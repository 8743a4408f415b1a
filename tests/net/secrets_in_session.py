"""A session whose key is only in a `secret` rule: secrets_in_session.py INTERPOSE

Servers of our own, one with TLS and one without, note what they were sent. What
the session's programs can read of themselves (memory, environment, files) is
written to a file, in which the key is then looked for.
"""

import glob
import http.server
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading

from cases import certificate, expect, finish, session

INTERPOSE = sys.argv[1]
VALUE = "sk-ant-api03-" + os.urandom(18).hex()
COMMANDED = "ghp_" + os.urandom(18).hex()
# What an agent that is signed in has in a file, before and after it is renewed.
SIGNED_IN = {"accessToken": "sk-ant-oat01-" + os.urandom(18).hex(), "refreshToken": "sk-ant-ort01-" + os.urandom(18).hex()}
RENEWED = {"access_token": "sk-ant-oat01-" + os.urandom(20).hex(), "refresh_token": "sk-ant-ort01-" + os.urandom(18).hex()}
GRANTED = COMMANDED[:8] + COMMANDED[:7:-1]
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PRINTENV = os.path.realpath(shutil.which("printenv"))
here = tempfile.TemporaryDirectory()
os.chmod(here.name, 0o755)

PROBE = r"""
import glob, json, os, ssl, sys, time, urllib.request, urllib.error
plain, tls, other, wrong = sys.argv[1:5]
key, token = os.environ["MODEL_KEY"], os.environ["TOKEN_HERE"]
timed = open("../first").read().strip()
print("own", os.environ.get("GRANTED_KEY"), flush=True)
print("granted", os.popen("printenv GRANTED_KEY").read(), flush=True)
print("key", key)
def ask(url, headers={}, data=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as answer:
            print("answer", url.split(":")[-1], answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        print("answer", url.split(":")[-1], error.code, error.read().decode())
    except (urllib.error.URLError, OSError) as error:
        print("failed", url.split(":")[-1], error)
with open("dump", "wb") as dump:
    ask(f"http://127.0.0.1:{plain}/plain", {"X-Api-Key": key})
    ask(f"https://127.0.0.1:{tls}/tls", {"Authorization": "Bearer " + key})
    ask(f"https://localhost:{tls}/name", {"X-Api-Key": key, "X-Comment": key}, key.encode())
    ask(f"https://127.0.0.1:{tls}/token", {"Authorization": "Bearer " + token})
    ask(f"https://127.0.0.1:{tls}/admin", {"X-Api-Key": key}, b"x")
    ask(f"http://127.0.0.1:{other}/elsewhere", {"X-Api-Key": key})
    ask(f"https://127.0.0.1:{wrong}/wrong", {"X-Api-Key": key})
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    if os.path.exists(bundle):
        own = ssl.create_default_context(cafile=bundle)
        with urllib.request.urlopen(f"https://127.0.0.1:{tls}/system", context=own, timeout=20) as answer:
            print("by the system's certificates", answer.status)
        with open(bundle) as stands_in:
            print("of them", stands_in.read().count("BEGIN CERTIFICATE"))
    added = os.environ["NODE_EXTRA_CA_CERTS"]
    own = ssl.create_default_context(cafile=added)
    with urllib.request.urlopen(f"https://127.0.0.1:{tls}/added", context=own, timeout=20) as answer:
        print("by what is added", answer.status, added == os.environ["DENO_CERT"])
    with open(added) as file:
        text = file.read()
        print("added", text.count("BEGIN CERTIFICATE"), open("../added.pem").read() in text)
    aside = os.path.join(os.path.dirname(added), "aside.pem")
    open("mine", "w").close()
    for what in (lambda: open(added, "a"), lambda: os.truncate(added, 0), lambda: os.unlink(added),
                 lambda: os.rename("mine", added), lambda: os.rename(added, aside),
                 lambda: os.link(added, "linked"), lambda: os.chmod(added, 0o666), lambda: open(aside, "x")):
        try:
            what()
            print("it was changed")
        except OSError:
            pass
    signed_in = json.load(open("../credentials.json"))["oauth"]
    def refresh():
        body = json.dumps({"grant_type": "refresh_token", "refresh_token": signed_in["refreshToken"]}).encode()
        request = urllib.request.Request(f"https://127.0.0.1:{tls}/oauth", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    ask(f"https://127.0.0.1:{tls}/before", {"Authorization": "Bearer " + signed_in["accessToken"]})
    new = refresh()
    print("renewed as", [new["access_token"] == signed_in["accessToken"],
                         new["refresh_token"] == signed_in["refreshToken"], new["expires_in"]])
    ask(f"https://127.0.0.1:{tls}/after", {"Authorization": "Bearer " + signed_in["accessToken"]})
    refresh()
    for i in range(600):
        with urllib.request.urlopen(urllib.request.Request(f"https://127.0.0.1:{tls}/timed", None, {
                "Authorization": "Bearer " + timed}), timeout=20) as answer:
            if answer.read() != b"1":
                break
        time.sleep(0.1)
    # A file that is read with the new value in it has the placeholder of before.
    print("still", open("../timed").read().strip() == timed)
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        try:
            dump.write(open(path, "rb").read())
        except OSError:
            pass
    for pid in [p for p in os.listdir("/proc") if p.isdigit()]:
        try:
            maps = open(f"/proc/{pid}/maps").read().splitlines()
            memory = open(f"/proc/{pid}/mem", "rb", 0)
        except OSError:
            continue
        for line in maps:
            span, rights = line.split()[:2]
            first, last = (int(x, 16) for x in span.split("-"))
            if rights[0] != "r" or last - first > 1 << 26 or "[v" in line:
                continue
            try:
                memory.seek(first)
                dump.write(memory.read(last - first))
            except (OSError, ValueError):
                pass
"""


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    got = {}
    timed = set()
    refreshed = []

    def log_message(self, *args):
        pass

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Echo.got[self.path] = dict(self.headers), body
        answer = str(self.headers.get("X-Api-Key")).encode()
        self.send_response(200)
        if self.path == "/timed":
            Echo.timed.add(self.headers["Authorization"])
            answer = str(len(Echo.timed)).encode()
        if self.path == "/oauth":
            Echo.refreshed.append(json.loads(body)["refresh_token"])
            self.send_header("Content-Type", "application/json")
            answer = json.dumps({**RENEWED, "expires_in": 28800}).encode()
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET


def serve(cert=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert + ".pem", cert + ".key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


good, bad, additional = (certificate(here.name, name, "DNS:localhost,IP:127.0.0.1")
                         for name in ("good", "bad", "additional"))
plain, tls, other, wrong = serve(), serve(good), serve(), serve(bad)


def case(what, uid):
    home = f"{here.name}/{what}"
    project = home + "/project"
    os.makedirs(project)
    with open(home + "/probe.py", "w") as out:
        out.write(PROBE)
    with open(home + "/token.json", "w") as out:
        out.write('{"login": {"token": "%s"}}' % COMMANDED)
    os.chmod(home + "/token.json", 0o600)
    with open(home + "/credentials.json", "w") as out:
        json.dump({"oauth": {**SIGNED_IN, "expiresAt": 1}, "other": "kept"}, out)
    os.chmod(home + "/credentials.json", 0o600)
    # Prints one token, then always another, which is longer.
    with open(home + "/token.sh", "w") as out:
        out.write(f"token=ghp_{COMMANDED[4:20][::-1]}\n"
                  f"if [ -s {home}/first ]; then token=$token-again; echo $token >{home}/timed\n"
                  f"else echo $token >{home}/first; fi\necho $token\n")
    shutil.copyfile(additional + ".pem", home + "/added.pem")
    for name in ("first", "timed"):
        with open(f"{home}/{name}", "w") as out:
            out.write("")
    if uid:
        for path in (home, project, *(f"{home}/{name}" for name in os.listdir(home))):
            os.chown(path, uid, uid)
    Echo.got.clear()
    Echo.timed.clear()
    Echo.refreshed.clear()
    environment = {"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": home + "/state", "LANG": "C.UTF-8",
                   "SSL_CERT_FILE": good + ".pem", "NODE_EXTRA_CA_CERTS": additional + ".pem", "MODEL_KEY": VALUE,
                   "TOKEN_HERE": COMMANDED, "GRANTED_KEY": GRANTED}
    rules = [
        "allow read,exec /**", "deny write /**", f"allow read,write {project}/**", "allow env *",
        f"fake read {home}/credentials.json {home}/first {home}/timed as keys",
        f"secret access from file {home}/credentials.json key oauth.accessToken to 127.0.0.1:{tls} renewed access_token",
        f"secret refresh from file {home}/credentials.json key oauth.refreshToken to 127.0.0.1:{tls} in body "
        "renewed refresh_token",
        f'secret timed from command "sh {home}/token.sh" to 127.0.0.1:{tls} ttl 5s',
        *[f"allow connect 127.0.0.1:{port}" for port in (plain, tls, other, wrong)],
        # What is granted to a program is the placeholder all the same.
        "hide env GRANTED_KEY", f"allow env GRANTED_KEY by {PRINTENV}",
        f"secret granted from env GRANTED_KEY to 127.0.0.1:{plain}",
        f"hide read {home}/token.json",
        f"secret model from env MODEL_KEY to 127.0.0.1:{plain} localhost:{tls} 127.0.0.1:{tls} 127.0.0.1:{wrong}",
        f"secret token from file {home}/token.json key login.token to 127.0.0.1:{tls} in bearer",
        f'deny http POST 127.0.0.1:{tls}/admin/** because "nobody is an administrator"',
        f"deny http GET 127.0.0.1:{other}/never",
    ]
    more = {"user": uid, "group": uid, "extra_groups": []} if uid else {}
    # Root's own python may stand where no one else comes to.
    python = subprocess.run(["sh", "-c", "command -v python3"], capture_output=True, text=True,
                            check=True, **more).stdout.strip()
    command = session(INTERPOSE, project, rules,
                      [python, home + "/probe.py", *map(str, (plain, tls, other, wrong))])
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=project,
                         stdin=subprocess.DEVNULL, **more)
    said = ran.stdout + ran.stderr
    expect(f"{what}: it ran", ran.returncode, 0)
    if ran.returncode:
        print(said)
        return
    holder = ran.stdout.split("key ")[1].split("\n")[0]
    expect(f"{what}: the session has a placeholder of the same form", (holder[:7], len(holder), holder != VALUE),
           (VALUE[:7], len(VALUE), True))
    got = Echo.got
    expect(f"{what}: over HTTP the key arrives", got["/plain"][0].get("X-Api-Key"), VALUE)
    expect(f"{what}: over TLS, too", got["/tls"][0].get("Authorization"), "Bearer " + VALUE)
    expect(f"{what}: and by name", got["/name"][0].get("X-Api-Key"), VALUE)
    expect(f"{what}: it cannot be published", (got["/name"][0].get("X-Comment"), got["/name"][1]),
           (holder, holder.encode()))
    expect(f"{what}: a key of a file", got["/token"][0].get("Authorization"), "Bearer " + COMMANDED)
    expect(f"{what}: another host gets the placeholder", got["/elsewhere"][0].get("X-Api-Key"), holder)
    expect(f"{what}: a refused request does not arrive", "/admin" in got, False)
    expect(f"{what}: and says why", "nobody is an administrator" in ran.stdout, True)
    expect(f"{what}: nor one to who has no valid certificate", "/wrong" in got, False)
    expect(f"{what}: and says so", "the certificate of 127.0.0.1 is not valid" in ran.stdout, True)
    if os.path.exists(BUNDLE):
        with open(BUNDLE) as real:
            known = real.read()
        expect(f"{what}: the system's certificates know the session's authority",
               ("by the system's certificates 200" in ran.stdout,
                f"of them {known.count('BEGIN CERTIFICATE') + 1}" in ran.stdout), (True, True))
        expect(f"{what}: the real ones are as they were", "interpose" in known, False)
        expect(f"{what}: no stand-in counts as changed", "stand-in" in ran.stderr, False)
    expect(f"{what}: what programs add to their own is the session's authority and the user's file",
           ("by what is added 200 True" in ran.stdout, "added 2 True" in ran.stdout), (True, True))
    expect(f"{what}: and stays as it is", "it was changed" in ran.stdout, False)
    expect(f"{what}: an agent that is signed in", got["/before"][0].get("Authorization"), "Bearer " + SIGNED_IN["accessToken"])
    expect(f"{what}: renews its tokens", Echo.refreshed, [SIGNED_IN["refreshToken"], RENEWED["refresh_token"]])
    expect(f"{what}: and has placeholders again", "renewed as [True, True, 28800]" in ran.stdout, True)
    expect(f"{what}: that are the new ones", got["/after"][0].get("Authorization"), "Bearer " + RENEWED["access_token"])
    with open(home + "/credentials.json") as kept:
        expect(f"{what}: which the real file has", json.load(kept),
               {"oauth": {"accessToken": RENEWED["access_token"], "refreshToken": RENEWED["refresh_token"], "expiresAt": 1},
                "other": "kept"})
    expect(f"{what}: a secret is read again after its time", len(Echo.timed) > 1 and all("ghp_" in t for t in Echo.timed), True)
    expect(f"{what}: and its file shows the placeholder of before", "still True" in ran.stdout, True)
    secrets = [VALUE.encode(), COMMANDED.encode(), GRANTED.encode(), *(t[7:].encode() for t in Echo.timed),
               *(s.encode() for s in (*SIGNED_IN.values(), *RENEWED.values()))]
    with open(project + "/dump", "rb") as dump:
        text = dump.read()
    expect(f"{what}: memory was read", holder.encode() in text and len(text) > 1 << 20, True)
    granted = ran.stdout.split("granted ")[1].split("\n")[0]
    expect(f"{what}: a variable of one program", ("own None" in ran.stdout, granted[:4], len(granted), granted != GRANTED),
           (True, GRANTED[:4], len(GRANTED), True))
    expect(f"{what}: no process holds a key", [s for s in secrets if s in text], [])
    expect(f"{what}: nothing said it", [s for s in secrets if s.decode() in said], [])
    logs = b""
    for directory, _, names in os.walk(home + "/state"):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                logs += file.read()
    expect(f"{what}: no log has it", [s for s in secrets if s in logs], [])
    expect(f"{what}: the alert", b"exfiltration: the placeholder of the secret model was sent to 127.0.0.1" in logs, True)
    expect(f"{what}: the refusal is in the log", b"POST 127.0.0.1:%d/admin" % tls in logs, True)
    uses = {}
    for line in logs.split(b"\n"):
        if b'"event":"secret"' in line:
            event = json.loads(line)
            key = event["secret"], event["subject"]
            uses[key] = uses.get(key, 0) + event.get("count", 1)
    print("     uses:", uses)
    # All that was used is there, and how often; and nothing of what stayed a placeholder.
    used = {subject.split(" ")[1].split("/", 1)[1]: (secret, count) for (secret, subject), count in uses.items()}
    expect(f"{what}: where the secret of a header was used", [used.get(path, ("",))[0] for path in ("plain", "tls", "name")],
           ["model"] * 3)
    expect(f"{what}: and no other host", "elsewhere" in used, False)
    expect(f"{what}: how often", used.get("timed", ("", 0))[1] >= len(Echo.timed) > 1, True)


case("self", None)
if os.geteuid() == 0:
    case("user", 42042)


def refused(what, rule, words):
    home = f"{here.name}/{what}"
    os.makedirs(home + "/p")
    ran = subprocess.run(session(INTERPOSE, home + "/p", ["allow read,write,exec /**", rule], ["true"]),
                         capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         env={"PATH": os.environ["PATH"], "HOME": home})
    expect(f"{what}: refused", (ran.returncode, words in ran.stderr), (125, True))


def absent():
    """Where a user is signed in none of the ways that a built-in profile knows."""
    home = f"{here.name}/absent"
    included = home + "/included"
    for made in (home + "/p", included + "/interpose"):
        os.makedirs(made)
    with open(included + "/interpose/policy", "w") as out:
        out.write("include claude\n")

    def run(*words, program=("printenv", "FOO"), **more):
        state = f"{home}/{len(os.listdir(home))}"
        ran = subprocess.run([INTERPOSE, "-C", home + "/p", *words, *program], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL, cwd=home + "/p",
                             env={"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": state, **more})
        [log] = glob.glob(state + "/interpose/sessions/*/events.jsonl")
        with open(log) as lines:
            events = [json.loads(line) for line in lines]
        why = {event["secret"]: event["message"] for event in events if event["event"] == "secret"}
        return ran.stdout, ran.stderr.splitlines(), why

    ways = {"anthropic-api-key": "the variable is not set", "anthropic-auth-token": "the variable is not set",
            "claude-code-oauth-token": "the variable is not set",
            "claude-access-token": "the file is not there", "claude-refresh-token": "the file is not there"}
    expect("absent from a profile that is named: nothing is said, the log has it", run("-p", "claude"), ("", [], ways))
    expect("and from one that is included", run(XDG_CONFIG_HOME=included), ("", [], ways))
    expect("nor is a key that is there", run("-p", "claude", ANTHROPIC_API_KEY=VALUE)[1], [])
    if os.path.exists(BUNDLE):
        expect("nor that programs look at the system's certificates",
               run("-p", "claude", program=("grep", "-c", "no such line", BUNDLE)), ("0\n", [], ways))
    said = run("-p", "claude", "-v")[1]
    expect("when asked it is said", [name for name in ways if not any(f"the secret {name} is left out" in line for line in said)], [])
    out, said, why = run("-e", "secret foo from env FOO to foo.test:443")
    expect("what the user's own line names is missed", (out, said, why["foo"]),
           ("", ["interpose: -e:1: the secret foo is left out: the variable is not set"], "the variable is not set"))


absent()
script = f"{here.name}/script"
with open(script, "w") as out:
    out.write("#!/bin/sh\necho secret-from-script\n")
os.chmod(script, 0o755)
refused("changeable", f'secret s from command "{script}" to h.example', "the session could change")
refused("several", 'secret s from command "true; false" to h.example', "the session could change")
refused("renewed", 'secret s from env PATH to h.example ttl 15m', "a variable stays what it is")
here.cleanup()
finish()
