#!/bin/sh
# A report of a session tells what happened, in three forms; nothing that a
# program chose becomes markup, a command for a terminal, or another text.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
source=$(cd "$(dirname "$0")/../.." && pwd)
command -v python3 >/dev/null || {
	echo "SKIP: no python3 here"
	exit 77
}
here=$(mktemp -d "$PWD/report.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/home/.config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
# shellcheck disable=SC2174
mkdir -p -m 700 "$HOME" "$here/run" "$here/state" "$here/project" || exit 99
cd "$here/project" || exit 99
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

has() { # FILE WORDS
	grep -qF -- "$2" "$1" || {
		fail "no '$2' in $(basename "$1")"
		cat "$1"
	}
}

# -- a log that somebody made up -----------------------------------------------
made=$here/made/20260304-000000-agent-0000
mkdir -p "$here/made"
# A page that is there already, for others to read.
echo old >"$here/page.html" && chmod 644 "$here/page.html"
python3 "$source/tests/report/session.py" "$made" 3000 || exit 99
for form in plain html json; do
	option=
	[ $form = html ] && option="--html $here/page.html"
	[ $form = json ] && option=--json
	# shellcheck disable=SC2086
	"$interpose" report $option "$made" >"$here/$form" ||
		fail "report as $form: status $?"
done
mv "$here/page.html" "$here/html" || fail "no page was written"
[ "$(stat -c %a "$here/html")" = 600 ] || fail "others can read the page"
"$interpose" log verify "$made" >/dev/null || fail "the made log is not whole"
# A link in its place may be the session's: what it leads to stays.
echo mine >"$here/mine"
for target in "$here/mine" "$here/not-there"; do
	ln -sf "$target" "$here/page.html"
	"$interpose" report --html "$here/page.html" "$made" 2>"$here/err" &&
		fail "a page was written through a link"
	has "$here/err" 'symbolic link'
done
[ "$(cat "$here/mine")" = mine ] || fail "a link's target was written to"
[ ! -e "$here/not-there" ] || fail "a link's target was made"
rm "$here/page.html"
"$interpose" report --html /dev/stdout "$made" | cat >"$here/piped"
cmp "$here/piped" "$here/html" || fail "a page into a pipe is another"
cat >"$here/look.py" <<'PYTHON'
import html.parser, json, re, sys

plain, page, made = (open(p, "rb").read() for p in sys.argv[1:4])
known = set("""html head meta title style body a header h1 h2 h3 p code dl div
dt dd svg rect nav ul li label input main section table caption thead tbody tr
th td span details summary button script strong br""".split())
wrong = []


class Look(html.parser.HTMLParser):
    depth, scripts, title, texts = [], 0, "", []

    def handle_starttag(self, tag, attributes):
        if tag not in known:
            wrong.append("an element %s" % tag)
        for name, value in attributes:
            if name.startswith("on") or name in ("src", "srcdoc", "style"):
                wrong.append("an attribute %s" % name)
            if name == "href" and not value.startswith("#"):
                wrong.append("a link to %s" % value)
        self.scripts += tag == "script"
        if tag not in ("meta", "input", "br"):
            self.depth.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.depth or self.depth.pop() != tag:
            wrong.append("%s is closed, and was not open" % tag)

    def handle_data(self, data):
        self.texts.append(data)


look = Look()
look.feed(page.decode())
look.close()
if look.depth:
    wrong.append("left open: %s" % look.depth)
if look.scripts != 1:
    wrong.append("%d scripts" % look.scripts)
text = "".join(look.texts)
for word in ("<script>document.title='taken'</script>", "INJECTED",
             "1.2 MB", "to allow it", "\\x1b[31mred", "&lt;b&gt;"):
    if word not in text:
        wrong.append("the page has no %r" % word)
bad = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e"
                 "\u2060-\u206f\ufeff]")
for name, content in ("plain", plain), ("page", page), ("json", made):
    found = bad.search(content.decode())
    if found:
        wrong.append("%s has %r" % (name, found.group()))
data = json.loads(made)
if data["events"] != 3000 or data["broken_lines"]:
    wrong.append("events: %r" % data["events"])
if len(data["uses"]) < 10 or any(u["secret"] != "model" or u["count"] != 42
                                 for u in data["uses"]):
    wrong.append("where secrets were used: %r" % data["uses"])
if [s.split()[1] for s in data["secrets"]] != ["key"] or b"gone" in plain:
    wrong.append("a secret that was not there was kept: %r" % data["secrets"])
if "allow connect udp:" in text or "allow connect HOST:PORT  # of the name that was looked up" not in text:
    wrong.append("to ask a name server is what is proposed")
if b"where they were used" not in plain or "api.example" not in text:
    wrong.append("where secrets were used is not told")
echo = data["programs"][1]
if (echo.get("ended"), echo.get("status"), echo.get("cpu_ms")) != (True, 3, 567):
    wrong.append("the end of a program: %r" % echo)
if ", status 3, 0.56 s of CPU" not in text or "signal 9" not in text:
    wrong.append("the end of a program is not told")
if not any(host.get("bytes_out") == 1234567 for host in data["hosts"]):
    wrong.append("no bytes of a host")
print("\n".join(wrong))
sys.exit(bool(wrong))
PYTHON
python3 "$here/look.py" "$here/plain" "$here/html" "$here/json" ||
	fail "what the session's programs chose came through"

# -- a real session ------------------------------------------------------------
mkdir -p "$HOME/kept"
echo secret >"$HOME/kept/<b>\"x\""
timeout 60 "$interpose" --log all -e "deny read ~/kept/**" \
	-e "never read ~/kept/never" -e "fake env KEY as \"no\"" \
	sh -c 'cat "$HOME/kept/<b>\"x\"" "$HOME/kept/never" 2>/dev/null; echo "$KEY"; exit 3' \
	>"$here/out" 2>"$here/err" </dev/null
[ $? = 3 ] || fail "the session: $(cat "$here/err")"
"$interpose" report >"$here/plain" || fail "report: status $?"
has "$here/plain" 'status 3'
has "$here/plain" 'deny read ~/kept/**'
has "$here/plain" 'PROGRAMS'
# The line that it offers does allow it, and a final rule has none.
allow=$(sed -n 's/^ *to allow it: //p' "$here/plain" | grep kept)
[ "$(echo "$allow" | wc -l)" = 1 ] || fail "lines to allow: $allow"
timeout 60 "$interpose" -q -e "deny read ~/kept/**" -e "$allow" \
	cat "$HOME/kept/<b>\"x\"" >"$here/out" 2>"$here/err" </dev/null ||
	fail "with '$allow' it is refused: $(cat "$here/err")"
has "$here/out" secret

# -- programs end ---------------------------------------------------------------
# By itself, killed, turned into another one, and left running: the last one is
# waited for, or the session could end before it is what it is to be.
timeout 60 "$interpose" -q sh -c 'sh -c "exit 7"; sh -c "kill -9 \$\$"; (exec sh -c "exec sleep 0.3")
	sleep 1000 &
	until read -r name </proc/$!/comm && [ "$name" = sleep ]; do :; done
	exit 0' >"$here/out" 2>"$here/err" </dev/null ||
	fail "the session with ends: $(cat "$here/err")"
"$interpose" log --json | python3 -c '
import json, sys
events = [json.loads(line) for line in sys.stdin]
ran = [e for e in events if e["event"] == "exec"]
ends = {e["pid"]: e for e in events if e["event"] == "exit"}
wrong = [e for e in ran if e["pid"] not in ends]
slept = [e for e in ends.values() if e["exe"].endswith("sleep")]
status = sorted(e.get("status", -1) for e in ends.values())
if wrong or len(ends) != 5 or len(ran) != 6:
    sys.exit("programs without an end: %r of %r" % (wrong, ran))
if len(slept) != 2 or not any(e["ms"] >= 300 for e in slept):
    sys.exit("how long they ran: %r" % slept)
if status not in ([0, 0, 7, 137, 143], [-1] * 5) and -1 not in status:
    sys.exit("how they ended: %r" % status)
order = [e["event"] for e in events]
if order[-1] != "end":
    sys.exit("something came after the end")
' || fail "the ends of programs"
"$interpose" report >"$here/plain"
has "$here/plain" ', status 7'

exit $failed
