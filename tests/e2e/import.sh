#!/bin/sh
# The rules that the other tools' documentation has as examples, imported, and
# what the engine then decides; what is malformed is an error with its place.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
here=$(mktemp -d "$PWD/import.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
HOME=$here/home XDG_CONFIG_HOME=$here/home/.config
export HOME XDG_CONFIG_HOME
unset CLAUDE_CONFIG_DIR CODEX_HOME
p=$here/project
mkdir -p "$HOME/.claude" "$HOME/.codex/rules" "$p/.claude" "$p/.devcontainer" \
	"$here/bin"
# Programs that this machine may not have.
for name in npm git gh docker curl aws make ls az; do
	printf '#!/bin/sh\n' >"$here/bin/$name"
	chmod 755 "$here/bin/$name"
done
PATH=$here/bin:$PATH
cd "$p" || exit 99
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# decides NAME FORMAT FILE… : what is on standard input is expected.
decides() {
	name=$1
	shift
	"$interpose" policy import -C "$p" "$@" >"$here/policy" 2>"$here/err" || {
		fail "$name: not imported: $(cat "$here/err")"
		cat >/dev/null
		return
	}
	cat >"$here/expected"
	"$interpose" policy test -C "$p" --only -p "$here/policy" \
		"$here/expected" >"$here/out" 2>&1 || {
		fail "$name"
		cat "$here/out" "$here/policy"
	}
}

# wrong PLACE FORMAT FILE: it is an error there, and nothing is printed.
wrong() {
	place=$1
	shift
	"$interpose" policy import -C "$p" "$@" >"$here/policy" 2>"$here/err" &&
		fail "$place: taken"
	[ ! -s "$here/policy" ] || fail "$place: a policy was printed"
	grep -qF -- "$place" "$here/err" || fail "no '$place' in: $(cat "$here/err")"
}

unsaid() {
	grep -qF -- "#   $1" "$here/policy" || {
		fail "no comment on '$1'"
		cat "$here/policy"
	}
}

# -- Claude Code: Tool(content) -------------------------------------------------
cat >"$p/.claude/settings.json" <<'END'
{"permissions": {
  "allow": ["Bash(npm run build)", "Bash(npm run test *)", "Bash(git commit *)",
    "Bash(git * main)", "Bash(* --version)", "Bash(* --help *)", "Bash(make)",
    "Bash(ls:*)", "Bash(git log *)", "Bash(safe-cmd && other-cmd)",
    "Bash(cd src)", "Bash(FOO=1 make all)",
    "Edit(/src/**/*.ts)", "Edit(/docs/**)", "Read(~/.zshrc)",
    "Edit(//tmp/scratch.txt)", "Read(src/**)", "Read(~/Documents/*.pdf)",
    "WebFetch(domain:example.com)", "WebFetch(domain:*.example.org)",
    "WebFetch(domain:example.*)", "mcp__puppeteer__puppeteer_navigate",
    "Agent(Explore)", "Write(notes/**)", "WebSearch"],
  "ask": ["Bash(docker *)", "Read(./private/**)"],
  "deny": ["Bash(git push *)", "Bash(curl *)", "Read(.env)",
    "Read(//opt/alice/secrets/**)", "Read(./.secret)", "Edit(/docs/frozen/**)",
    "Read(~/odd {name}/**)", "WebFetch(domain:bad.example.org)"],
  "defaultMode": "dontAsk"},
 "hooks": {}, "model": "x"}
END
decides "the documented rules" claude .claude/settings.json <<END
expect allow exec npm run build
expect ask   exec npm run build extra
expect allow exec npm run test
expect allow exec npm run test unit
expect ask   exec npm run tests
expect allow exec git commit -m x
expect allow exec git checkout main
expect allow exec git log --oneline main
expect deny  exec git push origin main
expect deny  exec git push
expect allow exec aws --version
expect allow exec aws s3 --help more
expect ask   exec aws s3 ls
expect allow exec ls -la
expect allow exec make
expect ask   exec make install
expect ask   exec docker ps
expect deny  exec curl http://x
expect allow write $p/src/a/b.ts
expect ask   write $p/src/a/b.js
expect allow write $p/docs/a
expect deny  write $p/docs/frozen/a
expect allow read  $HOME/.zshrc
expect allow write /tmp/scratch.txt
expect allow read  $p/src/x
expect ask   read  $p/other/x
expect allow read  $HOME/Documents/a.pdf
expect ask   read  $HOME/Documents/sub/a.pdf
expect ask   read  $p/private/x
expect deny  read  $p/.env
expect deny  read  $p/sub/.env
expect ask   read  $here/.env
expect deny  read  $p/.secret
expect deny  read  /opt/alice/secrets/a/b
expect deny  read  "$HOME/odd {name}/x"
expect allow connect example.com:443
expect ask   connect www.example.com:443
expect allow connect a.b.example.org:443
expect ask   connect example.org:443
expect deny  connect bad.example.org:443
END
unsaid 'Bash(safe-cmd && other-cmd): it is a line of the shell'
unsaid 'Bash(cd src): the shell does it itself'
unsaid 'Bash(FOO=1 make all): it begins with a variable'
unsaid 'WebFetch(domain:example.*): a `*` can only be the first label'
unsaid 'mcp__puppeteer__puppeteer_navigate: a tool of a server'
unsaid 'Agent(Explore): a tool that is no file'
unsaid 'Write(notes/**): Claude Code matches no path of this tool'
unsaid 'WebSearch: a tool that is no file'
unsaid 'dontAsk: run with --ask deny'
unsaid 'hooks: their programs run in the session'

# -- Claude Code: the places and their order ------------------------------------
cat >"$HOME/.claude/settings.json" <<'END'
{"permissions": {"allow": ["Read(/mine/**)", "Bash(gh pr view *)",
   "Bash(az *)"], "deny": ["Read(/secrets/**)"],
   "defaultMode": "acceptEdits"},
 "sandbox": {"filesystem": {"allowWrite": ["./cache"]}}}
END
cat >"$p/.claude/settings.json" <<'END'
{"permissions": {"allow": ["Bash(gh pr *)"], "ask": ["Bash(az *)"],
   "additionalDirectories": ["~/shared"]},
 "sandbox": {"enabled": true,
   "filesystem": {"allowWrite": ["/tmp/build", "~/.kube", "./output"],
     "denyWrite": ["/etc", "./output/keep"], "denyRead": ["~/", "~/.aws/credentials"],
     "allowRead": [".", "~/.aws"]},
   "network": {"allowedDomains": ["github.com", "*.npmjs.org"],
     "deniedDomains": ["sensitive.example.com"],
     "allowUnixSockets": ["/var/run/docker.sock"], "allowLocalBinding": true}}}
END
cat >"$p/.claude/settings.local.json" <<'END'
{"permissions": {"deny": ["Bash(gh pr merge *)"], "defaultMode": "default"}}
END
cat >"$here/flag.json" <<'END'
{"permissions": {"allow": ["Read(/beside/**)"]}}
END
decides "all places" claude "$here/flag.json" .claude/settings.local.json \
	.claude/settings.json "$HOME/.claude/settings.json" <<END
expect allow read $HOME/.claude/mine/x
expect ask   write $HOME/.claude/other/x
expect deny  read $HOME/.claude/secrets/x
expect allow read $here/beside/x
expect allow exec gh pr view 1
expect deny  exec gh pr merge 1
expect ask   exec az login
expect allow exec make install
expect allow read $HOME/shared/x
expect ask   write $HOME/shared/x
expect allow write $p/anything
expect allow write /tmp/build/x
expect allow write $HOME/.kube/config
expect allow write $p/output/x
expect deny  write $p/output/keep/x
expect allow write $HOME/.claude/cache/x
expect deny  write /etc/x
expect deny  read  $HOME/other
expect allow read  $p/x
expect allow read  $HOME/.aws/config
expect deny  read  $HOME/.aws/credentials
expect allow read  /usr/share/x
expect allow connect github.com:22
expect allow connect registry.npmjs.org:443
expect ask   connect other.example:443
expect deny  connect sensitive.example.com:443
expect allow connect unix:/var/run/docker.sock
expect allow listen 127.0.0.1:8000
END
if [ ! -e /etc/claude-code ]; then
	cp "$here/policy" "$here/named"
	rm "$here/flag.json"
	"$interpose" policy import claude -C "$p" >"$here/policy" 2>"$here/err" ||
		fail "the usual places: $(cat "$here/err")"
	grep -v beside "$here/named" | sed 's/, [^ ]*$//' >"$here/a"
	sed 's/, [^ ]*$//' "$here/policy" >"$here/b"
	cmp "$here/a" "$here/b" || fail "the usual places give another policy"
fi
mkdir -p "$here/etc"
printf '{"allowManagedPermissionRulesOnly": true, "permissions": {"deny": ["Bash(gh *)"]}}' \
	>"$here/etc/managed-settings.json"
decides "the machine's rules only" claude "$here/etc/managed-settings.json" \
	.claude/settings.local.json <<END
expect deny exec gh pr view 1
END
unsaid '.claude/settings.local.json: its permissions do not count'

# -- srt --------------------------------------------------------------------
cat >"$here/srt.json" <<'END'
{"network": {"allowedDomains": ["github.com", "*.github.com", "lfs.github.com",
   "api.github.com", "npmjs.org", "*.npmjs.org", "api.example.com:443",
   "[2001:db8::1]:443"],
   "deniedDomains": ["malicious.com", "gist.github.com:22"],
   "allowUnixSockets": ["/var/run/docker.sock"], "allowLocalBinding": false},
 "filesystem": {"denyRead": ["~/.ssh", "./secrets", "/srv"], "allowRead": [".", "/srv/open"],
   "allowWrite": [".", "src/", "test/", "/tmp"],
   "denyWrite": [".env", "config/production.json"]},
 "ignoreViolations": {"*": ["/usr/bin"]}, "enableWeakerNestedSandbox": false}
END
decides "srt's example" srt "$here/srt.json" <<END
expect allow connect github.com:22
expect allow connect api.github.com:443
expect allow connect npmjs.org:80
expect allow connect api.example.com:443
expect deny  connect api.example.com:80
expect allow connect 2001:db8::1:443
expect deny  connect example.com:443
expect deny  connect malicious.com:443
expect deny  connect gist.github.com:22
expect allow connect gist.github.com:443
expect allow connect unix:/var/run/docker.sock
expect deny  connect unix:/run/other.sock
expect allow read  /etc/hostname
expect deny  read  $HOME/.ssh/id_rsa
expect deny  read  $p/secrets/x
expect deny  read  /srv/x
expect allow read  /srv/open/x
expect allow read  $p/x
expect allow write $p/src/x
expect allow write /tmp/x
expect deny  write $p/.env
expect deny  write $p/config/production.json
expect deny  write /usr/share/x
expect allow write /dev/null
expect allow exec  git status
END
unsaid 'ignoreViolations: it is about what is reported'

# -- a devcontainer's firewall ---------------------------------------------------
cat >"$p/.devcontainer/init-firewall.sh" <<'END'
#!/bin/bash
set -euo pipefail
declare -a DYNAMIC_DOMAINS=(
    "registry.npmjs.org"   # packages
    'api.anthropic.com'
    "sentry.io"
)
iptables -A OUTPUT -p udp --dport 53 -j ACCEPT
iptables -A INPUT -p udp --sport 53 -j ACCEPT
iptables -A OUTPUT -p tcp --dport 22 -j ACCEPT
iptables -A OUTPUT -p tcp --sport 22 -m state --state ESTABLISHED -j ACCEPT
iptables -A OUTPUT -o lo -j ACCEPT
gh_ranges=$(curl -s https://api.github.com/meta)
for domain in \
    "statsig.anthropic.com" \
    "statsig.com" "$MORE"; do
    ips=$(dig +short A "$domain")
done
for domain in "${DYNAMIC_DOMAINS[@]}"; do :; done
iptables -A OUTPUT -d "$HOST_NETWORK" -j ACCEPT
iptables -A OUTPUT -d 192.0.2.0/24 -j ACCEPT
iptables -I OUTPUT 1 -p tcp -m multiport -d 198.51.100.1 --dports 80,443 -j ACCEPT
iptables -A OUTPUT -p tcp -d 198.51.100.2 --dport 8000:8100 -j ACCEPT
ip6tables -A OUTPUT -p udp -d 2001:db8::/32 --dport 123 -j ACCEPT
iptables -A OUTPUT ! -d 203.0.113.7 -j ACCEPT
iptables -A OUTPUT -d 203.0.113.8 -p tcp --dport https -j ACCEPT
ipset add allowed-domains 198.51.100.64/26
ipset add allowed-domains "$ip"
for file in /etc/a.conf; do :; done
iptables -A OUTPUT -m set --match-set allowed-domains dst -j ACCEPT
iptables -A OUTPUT -j REJECT
END
decides "the firewall" devcontainer .devcontainer/init-firewall.sh <<END
expect allow connect registry.npmjs.org:443
expect allow connect api.anthropic.com:443
expect allow connect sentry.io:443
expect allow connect statsig.anthropic.com:443
expect allow connect statsig.com:80
expect allow connect github.com:443
expect allow connect api.github.com:443
expect allow connect anywhere.example:22
expect allow connect localhost:8000
expect allow connect 192.0.2.7:9
expect allow connect 198.51.100.1:80
expect allow connect 198.51.100.1:443
expect deny  connect 198.51.100.1:81
expect allow connect 198.51.100.2:8050
expect deny  connect 198.51.100.2:7999
expect allow connect udp:[2001:db8::7]:123
expect deny  connect udp:[2001:db8::7]:124
expect allow connect 198.51.100.100:443
expect deny  connect 203.0.113.7:443
expect deny  connect 203.0.113.9:443
expect deny  connect example.com:443
END
unsaid 'line 25: it says more than a host and its ports'
unsaid 'line 26: this is no host and port'
unsaid '/etc/a.conf: this is no host'
unsaid '$MORE: what it stands for'
unsaid '$HOST_NETWORK: what it stands for'

# -- Codex ----------------------------------------------------------------------
cat >"$HOME/.codex/rules/default.rules" <<'END'
# Prompt before `gh pr view`.
prefix_rule(
    pattern = ["gh", "pr", "view"],
    decision = "prompt",
    justification = "Viewing PRs is allowed with approval",
    match = ["gh pr view 7888", "gh pr view --repo openai/codex"],
    not_match = [
        # the pattern must be an exact prefix
        "gh pr --repo openai/codex view 7888",
    ],
)
prefix_rule(pattern = ["git", ["push", "fetch"]], decision = "prompt",
    match = [["git", "push", "origin", "main"]], not_match = [["git", "status"]])
prefix_rule(pattern = ["git", "push", "--force"], decision = "forbidden",
    justification = "Use `--force-with-lease` \"instead\".")
prefix_rule(pattern = ["git"])
prefix_rule(pattern = ["az"], decision = "allow")
host_executable(name = "az", paths = ["~/.openai/bin/az"])
network_rule(host = "api.github.com", protocol = "https", decision = "allow")
network_rule(host = "bad.example", protocol = "https", decision = "deny")
END
mkdir -p "$HOME/.openai/bin" && cp "$here/bin/az" "$HOME/.openai/bin/az"
decides "codex's examples" codex <<END
expect ask   exec gh pr view 7888
expect ask   exec gh pr --repo x view 1
expect ask   exec git push origin main
expect ask   exec git fetch
expect deny  exec git push --force
expect allow exec git status
expect allow exec $HOME/.openai/bin/az login
expect ask   exec az login
expect allow connect api.github.com:443
expect ask   connect api.github.com:80
expect deny  connect bad.example:443
END
grep -q 'because "Use `--force-with-lease` \\"instead\\"."' "$here/policy" ||
	fail "the justification is lost"

# -- malformed ----------------------------------------------------------------
bad() { printf '%b' "$1" >"$here/bad.json"; }
bad '{"permissions": {\n  "allow": [}\n}'
wrong 'bad.json:2:' claude "$here/bad.json"
bad '{"permissions": {"allow": ["Bash(ls)", 7]}}'
wrong 'permissions.allow[1]: this must be a text' claude "$here/bad.json"
bad '{"permissions": {"deny": "Read(x)"}}'
wrong 'permissions.deny: this must be a list' claude "$here/bad.json"
bad '{"permissions": {"ask": ["Bash(npm run"]}}'
wrong 'permissions.ask[0]: `Bash(npm run`: its parenthesis' claude "$here/bad.json"
bad '{"permissions": {"ask": ["Read()"]}}'
wrong 'permissions.ask[0]: `Read()`: nothing stands' claude "$here/bad.json"
bad '{"permissions": {"ask": ["(x)"]}}'
wrong 'permissions.ask[0]: `(x)` names no tool' claude "$here/bad.json"
bad '{"permissions": {"deny": ["WebFetch(example.com)"]}}'
wrong 'permissions.deny[0]: WebFetch wants' claude "$here/bad.json"
bad '{"sandbox": {"enabled": true, "network": {"allowedDomains": ["https://x.y"]}}}'
wrong 'sandbox.network.allowedDomains[0]: `https://x.y` is no host' claude "$here/bad.json"
bad '[]'
wrong 'bad.json:1:1: this is no JSON object' srt "$here/bad.json"
bad '{"network": {"allowedDomains": ["2001:db8::1:443"]}}'
wrong 'network.allowedDomains[0]' srt "$here/bad.json"
bad '{"network": {"allowLocalBinding": "no"}}'
wrong 'network.allowLocalBinding: this must be true or false' srt "$here/bad.json"
bad '{"a": 1, "a": 2}'
wrong 'bad.json:1:' srt "$here/bad.json"
wrong 'nothing-there: No such file' srt "$here/nothing-there"
bad 'echo nothing'
wrong 'bad.json:1:1: no list of hosts' devcontainer "$here/bad.json"
bad '\nfor x in a.example \\\\\n b.example'
wrong 'bad.json:2:1: this list does not end' devcontainer "$here/bad.json"
bad 'prefix_rule(pattern = ["a"],\n  decision = "maybe")'
wrong 'bad.json:2:14: a decision is' codex "$here/bad.json"
bad 'prefix_rule(pattern = ["a", []])'
wrong 'bad.json:1:29: a token is' codex "$here/bad.json"
bad 'prefix_rule(pattern = ["a"], match = ["b"])'
wrong 'bad.json:1:39: this example does not match' codex "$here/bad.json"
bad 'prefix_rule(pattern = ["a"'
wrong 'bad.json:1:' codex "$here/bad.json"
bad 'prefix_rule(pattern = ["a"], pattern = ["b"])'
wrong 'bad.json:1:30: this was said before' codex "$here/bad.json"
bad 'load("x", "y")'
wrong 'bad.json:1:' codex "$here/bad.json"
bad 'prefix_rule(pattern = ["a\\q"])'
wrong 'bad.json:1:26: this escape' codex "$here/bad.json"
# Not of an import, but of what tells whether one is right.
printf 'expect allow read /x\nexpect allow raed /x\nexpect\n' >"$here/expected"
"$interpose" policy test -C "$p" --only -e 'allow read /x' "$here/expected" \
	>"$here/out" 2>/dev/null && fail "lines that mean nothing pass"
grep -qx '1 passed, 2 failed' "$here/out" || fail "counted: $(cat "$here/out")"
wrong 'usage: interpose policy import' yaml "$here/bad.json"

if [ -e /dev/full ]; then
	printf '{}' >"$here/bad.json"
	"$interpose" policy import -C "$p" srt "$here/bad.json" >/dev/full \
		2>"$here/err" && fail "what could not be written is a success"
	grep -q 'output could not be written' "$here/err" ||
		fail "a full disk: $(cat "$here/err")"
fi

exit $failed
