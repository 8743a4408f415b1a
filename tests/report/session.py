#!/usr/bin/env python3
"""Make a recorded session: session.py DIRECTORY EVENTS

A log as a real one has it, hash chain and all, of so many events: programs,
files, hosts, refusals, questions, stand-ins; among them names and arguments
that want to be markup, commands for a terminal, or another text than they are.
The same every time.
"""
import hashlib
import json
import os
import random
import sys

directory, wanted = sys.argv[1], int(sys.argv[2])
HOSTILE = [
    "<script>document.title='taken'</script>",
    "\"><img src=x onerror=document.title='taken'>",
    "'><svg/onload=document.title='taken'>",
    "</code></li></ul></details></section><h1>INJECTED</h1>",
    "</script><script>document.title='taken'</script>",
    "javascript:document.title='taken'",
    "\x1b[31mred\x1b[0m\x07\x1b]0;taken\x07",
    "\u202egnp.exe\u202c\u2066x\u2069\u200b\u200f",
    "\x80\x9b31m", "\udcff\udcfe", "&lt;b&gt;&amp;", "line\nbreak\ttab",
    "]]><!-- --><style>*{display:none}</style>",
]
ROOT, HOME = "/usr/bin/", "/home/u/"
random.seed(4711)
os.makedirs(directory, mode=0o700, exist_ok=True)
log = open(os.path.join(directory, "events.jsonl"), "wb")
previous, sequence, clock = "0" * 64, 0, 0


def escape(value):
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return text.replace("\\ud83d", "\\ud83d").encode()


def event(kind, **fields):
    global previous, sequence, clock
    sequence += 1
    clock += random.randrange(1000, 4000000)
    seconds, rest = divmod(clock * 1000, 10**9)
    record = {
        "seq": sequence,
        "time": "2026-03-04T%02d:%02d:%02d.%09dZ" % (
            seconds // 3600 % 24, seconds // 60 % 60, seconds % 60, rest),
        "event": kind, **fields, "prev": previous}
    body = escape(record)
    previous = hashlib.sha256(body).hexdigest()
    log.write(body[:-1] + b',"hash":"' + previous.encode() + b'"}\n')


def rule(text, line=7, file="/etc/interpose/policy"):
    return {"file": file, "line": line, "text": text}


def decision(pid, exe, action, subject, verdict, text, **more):
    event("decision", pid=pid, tid=pid, ppid=1, exe=exe, call="openat",
          action=action, subject=subject, verdict=verdict, rule=rule(text),
          **more)


GONE = "secret gone from env GONE to gone.example:443"
event("secret", rule=rule(GONE), secret="gone", message="the variable is not set")
event("start", pid=100, exe=ROOT + "agent", argv=["agent"], cwd=HOME + "shop")
event("exec", pid=101, tid=101, ppid=100, exe=ROOT + "agent", argv=["agent"],
      cwd=HOME, action="exec", subject=ROOT + "agent", verdict="allow",
      by="policy")
for i, text in enumerate(HOSTILE):
    event("exec", pid=200 + i, tid=200 + i, ppid=101, exe=ROOT + "echo",
          argv=["echo", text], cwd=HOME + text, action="exec",
          subject=ROOT + "echo", verdict="allow", by="policy")
    decision(200 + i, ROOT + text, "read", HOME + text, "deny",
             "deny read ~/** because \"%s\"" % text, by="policy",
             served={"errno": "EACCES"})
    decision(200 + i, ROOT + "cat", "read", HOME + ".aws/" + text, "fake",
             "fake read ~/.aws/** as aws", by="policy", served={"fake": text})
    event("decision", pid=200 + i, tid=200 + i, ppid=101, exe=ROOT + "curl",
          call="dns", action="connect", subject=text + ":443", verdict="ask",
          by="unattended")
    event("ask", pid=101, tid=101, action="exec", subject=text, verdict="deny",
          by="person", ms=1234, message=text)
    event("alert", pid=101, tid=101, exe=ROOT + text, message=text)
    decision(101, ROOT + "agent", "env", text, "hide", "hide env *",
             by="policy")
    decision(101, ROOT + "agent", "http", "GET h.example:443/" + text, "deny",
             "deny http POST h.example/**", by="policy")
    event("secret", pid=101, tid=101, exe=ROOT + text, action="http",
          subject="POST api.example:443/" + text, secret="model")
    event("secret", exe=ROOT + text, action="http",
          subject="POST api.example:443/" + text, secret="model", count=41)
event("decision", pid=101, tid=101, exe=ROOT + "curl", call="sendto", action="connect", subject="udp:192.0.2.53:53",
      verdict="ask", by="unattended")
event("close", pid=101, tid=101, exe=ROOT + "agent", action="connect",
      subject="api.example:443", bytes_out=1234567, bytes_in=890, ms=1500)
event("exit", pid=200, tid=200, ppid=101, exe=ROOT + "echo", ms=1234,
      cpu_ms=567, status=3)

pids, pid = [101], 1000
while sequence < wanted - 1:
    what = random.random()
    if what < 0.1:
        pid += 1
        parent = random.choice(pids[-20:])
        exe = ROOT + random.choice(["git", "sed", "cc", "node", "true", "sh"])
        event("exec", pid=pid, tid=pid, ppid=parent, exe=exe,
              argv=[exe, "run", "--number", str(pid)], cwd=HOME, action="exec",
              subject=exe, verdict="allow", by="policy")
        pids.append(pid)
        if len(pids) > 12 and what < 0.08 and sequence < wanted - 1:
            event("exit", pid=pids[-12], tid=pids[-12], exe=exe,
                  ms=random.randrange(9000), cpu_ms=random.randrange(300),
                  status=random.choice([0, 0, 0, 1, 137]))
    elif what < 0.9:
        path = HOME + "shop/" + "/".join(
            random.choice("abcdefgh") * random.randrange(1, 4)
            for _ in range(random.randrange(1, 6)))
        decision(random.choice(pids[-5:]), ROOT + "git",
                 random.choice(["read", "read", "write"]), path, "allow",
                 "allow read,write ${project}/**", by="policy")
    elif what < 0.97:
        decision(random.choice(pids[-5:]), ROOT + "node", "read",
                 HOME + ".secret/%d" % random.randrange(3000), "deny",
                 "never read ~/.secret/**", by="policy",
                 served={"errno": "EACCES"})
    else:
        decision(random.choice(pids[-5:]), ROOT + "curl", "connect",
                 "h%d.example:443" % random.randrange(400),
                 random.choice(["allow", "deny"]), "allow connect *:443",
                 by="policy")
event("end", status=0)
log.close()
with open(os.path.join(directory, "session.json"), "w") as file:
    json.dump({"program": "agent" + HOSTILE[0], "project": HOME + HOSTILE[1],
               "id": os.path.basename(directory), "status": 0,
               "started": "2026-03-04T00:00:00.000000000Z",
               "ended": "2026-03-04T01:00:00.000000000Z",
               "events": sequence, "hash": previous}, file)
with open(os.path.join(directory, "policy"), "w") as file:
    file.write("/etc/x:1 secret key from env KEY to " + HOSTILE[0] + "\n")
    file.write("/etc/interpose/policy:7 " + GONE + "\n")
