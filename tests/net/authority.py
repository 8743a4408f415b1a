"""The certificate of a session's authority, which is made while the program
starts: authority.py INTERPOSE

A shell reads it before it does anything else, so that it comes before the
certificate nearly always; and in sessions whose broker is killed at once it is
not waited for in vain.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

from cases import children, expect, finish, session

INTERPOSE = sys.argv[1]
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
ROUNDS = 15
here = tempfile.TemporaryDirectory()
project = here.name + "/project"
os.makedirs(project)
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": here.name, "MODEL_KEY": "k" * 40}
RULES = ["allow read,exec /**", "allow env *", "secret model from env MODEL_KEY to 127.0.0.1:9"]
# Its own reading, without another program; -s, as others ask for the size first.
READ = r"""
test -s "$0" || echo empty
while IFS= read -r line; do printf '%s\n' "$line"; done < "$0"
wc -c < "$0"
"""


def read(path):
    """A session's program, which reads the file that the variable or path names."""
    name = '"$%s"' % path if "/" not in path else path
    return session(INTERPOSE, project, RULES, ["/bin/sh", "-c", "exec /bin/sh -c '%s' %s" % (
        READ.replace("'", "'\\''"), name)])


def look(path):
    """What came of it: certificates in the text, and whether its size is what was read."""
    ran = subprocess.run(read(path), env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    text, _, size = ran.stdout.rstrip("\n").rpartition("\n")
    return text.count("-----END CERTIFICATE-----"), len(text) + 1 == int(size or 0), ran.stderr


def kill_broker(process):
    """As soon as there is one. False: the session was over before."""
    while process.poll() is None:
        for pid, name in children(process.pid):
            if name == "interpose-net":
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                return True
        time.sleep(0)
    return False


for _ in range(ROUNDS):
    expect("what node adds has the certificate, and its size", look("NODE_EXTRA_CA_CERTS"), (1, True, ""))
if os.path.exists(BUNDLE):
    with open(BUNDLE) as bundle:
        own = bundle.read().count("-----END CERTIFICATE-----")
    for _ in range(ROUNDS):
        expect("the file of all has it", look("SSL_CERT_FILE"), (own + 1, True, ""))
        expect("and the system's", look(BUNDLE), (own + 1, True, ""))

killed = 0
for _ in range(ROUNDS):
    process = subprocess.Popen(read("NODE_EXTRA_CA_CERTS"), env=ENVIRONMENT, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    killed += kill_broker(process)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        expect("a session without a broker ends", "it hangs", "")
        process.kill()
expect("brokers were killed", killed > 0, True)
finish()
