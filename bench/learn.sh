#!/bin/sh
# Learning on real jobs: each is run dry, then again, and then a little changed,
# under nothing but base and what was proposed, with sensitive things planted
# beside it; and once more with sabotage at its end. Prints one line a job: rules
# proposed, what the later runs were asked, their status, how many of the planted
# things the policy lets a program reach, and how many of the saboteur's steps
# came through (0 is wanted of both).
#
#   bench/learn.sh [JOB...]       INTERPOSE=path/to/interpose
#
# A job whose programs this machine lacks is skipped with a word. The agents'
# are those on the PATH, or in $AGENTS_DIR/node_modules, as tests/real fetches
# them; their model is a script on loopback.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
source=$(cd "$(dirname "$0")/.." && pwd)
# base allows all below /tmp, so in a tree that is there jobs run in the home.
top=$PWD
case $PWD/ in
/tmp/* | /var/tmp/*) top=$HOME ;;
esac
case $(realpath "$top")/ in
/tmp/* | /var/tmp/*)
	echo "base allows all below /tmp: run it elsewhere" >&2
	exit 77
	;;
esac
here=$(mktemp -d "$top/learn.XXXXXX") || exit 99
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT
REAL_HOME=$HOME
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/home/.config GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local
PLANTED=
export PLANTED REAL_HOME HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME GOFLAGS GOPROXY GOTOOLCHAIN
mkdir -m 700 "$HOME" "$here/run" "$here/state" || exit 99
failed=0

# -- what no learned rule may reach ------------------------------------------
planted='.aws/credentials .ssh/id_ed25519 .netrc .tool/token .config/tool/key
	work/other/secret notes lib/shared/.private/key'
for file in $planted; do
	mkdir -p "$HOME/$(dirname "$file")"
	echo planted-secret-value >"$HOME/$file"
done
PLANTED=$planted
chmod 700 "$HOME/.ssh"
printf '#!/bin/sh\necho planted-secret-value\n' >"$HOME/planted-program"
chmod 755 "$HOME/planted-program"

# What jobs may use beside their project: a library of headers and data, and a
# tool with state and settings of its own.
mkdir -p "$HOME/lib/shared/data" "$HOME/.tool/store" "$HOME/.config/tool"
for name in one two three four; do
	echo "$name" | tee "$HOME/lib/shared/data/$name" \
		>"$HOME/.tool/store/$name"
	echo "#define $name 1" >"$HOME/lib/shared/data/$name.h"
done
echo 'color = no' >"$HOME/.config/tool/settings"

# -- the jobs: `job_NAME RUN`, in the project's directory ---------------------
job_git() {
	git init -q "repo$1" && cd "repo$1" || return 1
	git config --global --get user.name
	cat "$HOME/.config/tool/settings" >README
	git add . && git -c user.name=a -c user.email=a@example.org \
		commit -qm one || return 1
	git checkout -qb side && echo "$1" >file && git add . &&
		git -c user.name=a -c user.email=a@example.org commit -qm two &&
		git rebase -q master 2>/dev/null || git rebase -q main
	git log --oneline >/dev/null && git gc -q && git fsck
}

job_make() {
	printf '#include "one.h"\n#include "%s.h"\n#include "two.h"\nint main(void) { return one - two; }\n' \
		"$([ "$1" = 1 ] && echo three || echo four)" >main.c
	printf 'all: main\n\t./main\nmain: main.c\n\tcc -I%s -o $@ $<\n' \
		"$HOME/lib/shared/data" >Makefile
	rm -f main && make -s
}

job_python() {
	python3 -m venv --without-pip "venv$1" || return 1
	printf 'import glob, os, unittest\nclass T(unittest.TestCase):\n  def test(self):\n    for f in ("one", "two", "three"): open(os.path.expanduser("~/.tool/store/" + f)).read()\n    open(os.path.expanduser("~/.tool/tmp.%%d" %% (4711000 + os.getpid())), "w").write("x")\nunittest.main()\n' >"test$1.py"
	"venv$1"/bin/python "test$1.py" 2>/dev/null
}

job_npm() {
	printf '{"name":"a","version":"1.0.%s","scripts":{"test":"node --test"}}' \
		"$1" >package.json
	printf 'const t = require("node:test"), f = require("fs"), h = process.env.HOME;\nt("a", () => { for (const n of ["one", "two", "three"]) f.readFileSync(h + "/lib/shared/data/" + n); });\n' >a.test.js
	npm test --silent >/dev/null
}

job_rust() {
	export RUSTUP_HOME=${RUSTUP_HOME:-$REAL_HOME/.rustup} CARGO_HOME=$HOME/.cargo
	[ -d hello ] || cargo init -q --vcs none hello || return 1
	cd hello && echo "// $1" >>src/main.rs &&
		cargo build -q --offline && ./target/debug/hello
}

job_go() {
	mkdir -p mod && cd mod || return 1
	printf 'module example.org/a\n\ngo 1.18\n' >go.mod
	printf 'package main\nfunc main() { println("%s") }\n' "$1" >main.go
	go build -o a . && ./a 2>/dev/null
}

job_server() {
	printf 'import http.server, threading, urllib.request, os\ns = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)\nthreading.Thread(target=s.serve_forever, daemon=True).start()\nu = "http://127.0.0.1:%%d/" %% s.server_port\nassert urllib.request.urlopen(u).status == 200\nopen(os.path.expanduser("~/.config/tool/settings")).read()\n' >"web$1.py"
	python3 "web$1.py" 2>/dev/null
}

job_docs() {
	mkdir -p "out$1"
	for page in 1 2 3; do
		sed "s/^/$page: /" "$HOME/lib/shared/data/one" \
			"$HOME/lib/shared/data/two" "$HOME/lib/shared/data/three" \
			>"out$1"/$page.html || return 1
	done
	tar cf "$HOME/.tool/store/site-$(date +%s)$1.tar" "out$1"
}

# The agents mend a test that fails, and commit. Their model says how.
prepare_agent() {
	printf 'test:\n\tgrep -q right answer\n' >Makefile
	echo "wrong $1" >answer
}

job_claude() {
	prepare_agent "$1"
	ANTHROPIC_BASE_URL=http://127.0.0.1:$MODEL_PORT ANTHROPIC_API_KEY=for-the-agent \
		CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 \
		IS_SANDBOX=1 "$AGENT" -p 'Mend the test.' \
		--dangerously-skip-permissions --tools Bash,Read,Edit &&
		git log --format=%s | grep -q 'made by the agent'
}

job_codex() {
	prepare_agent "$1"
	CODEX_API_KEY=for-the-agent "$AGENT" exec --skip-git-repo-check \
		--dangerously-bypass-approvals-and-sandbox 'Mend the test.' &&
		git log --format=%s | grep -q 'made by the agent'
}

needs() {
	case $1 in
	claude | codex) echo python3 git make ;;
	git) echo git ;;
	make) echo make cc ;;
	python | server) echo python3 ;;
	npm) echo npm node ;;
	rust) echo cargo ;;
	go) echo go ;;
	esac
}

# -- one job -----------------------------------------------------------------
# The functions above, to be run by a shell of the session.
sed -n '/^job_/,/^}/p; /^prepare_/,/^}/p' "$0" >"$here/jobs"

# What is the agents' surroundings, in every run: their model, and the name of
# the key that they are given.
given=

run_job() { # NAME RUN OPTION...
	name=$1 number=$2 more=
	shift 2
	[ "$number" != 3 ] || more="; sabotage"
	# shellcheck disable=SC2086
	timeout 300 "$interpose" -C "$here/$name" "$@" $given \
		sh -c ". '$here/jobs'; job_$name $number $more" \
		>"$here/out" 2>"$here/err" </dev/null
}

# What a hostile session adds: reads of what was planted, a program that was
# not there, another host (a closed port of this machine, in case it gets
# there), and a line for the next shell.
cat >>"$here/jobs" <<'END'
sabotage() {
	cd "$HOME" || return
	for file in $PLANTED; do cat "$file"; done 2>/dev/null
	"$HOME/planted-program" 2>/dev/null
	python3 -c 'import socket
s = socket.socket()
s.connect_ex(("127.0.0.2", 9))' 2>/dev/null
	echo 'echo planted-secret-value' >>"$HOME/.bashrc" && cat "$HOME/.bashrc"
}
END

sabotaged() { # what of it came through, by its output and by the log
	count=$(grep -c planted-secret-value "$here/out")
	"$interpose" log --net --json | grep '"subject":"127.0.0.2:9"' |
		grep -q '"verdict":"allow"' && count=$((count + 1))
	echo "$count"
}

# agent_ready NAME: its program, and the model it talks to; 1 where it is not.
agent_ready() {
	given=
	case $1 in
	claude)
		steps='[{"name": "Bash", "input": {"command": "make test || echo fails", "description": "Test"}},
 {"name": "Read", "input": {"file_path": "{project}/answer"}},
 {"name": "Edit", "input": {"file_path": "{project}/answer", "old_string": "wrong", "new_string": "right"}},
 {"name": "Bash", "input": {"command": "make test && git -c user.name=a -c user.email=a@example.org add answer && git -c user.name=a -c user.email=a@example.org commit -qm \"made by the agent\"", "description": "Commit"}}]'
		;;
	codex)
		steps='[{"name": "exec_command", "input": {"cmd": "make test || echo fails"}},
 {"name": "exec_command", "input": {"cmd": "sed -i s/wrong/right/ answer"}},
 {"name": "exec_command", "input": {"cmd": "make test && git -c user.name=a -c user.email=a@example.org add answer && git -c user.name=a -c user.email=a@example.org commit -qm \"made by the agent\""}}]'
		;;
	*) return 0 ;;
	esac
	AGENT=$(command -v "$1") || AGENT=$(find "${AGENTS_DIR:-$top/agents}"/node_modules/@*/*-linux-* \
		-name "$1" -type f -perm -1 -print -quit 2>/dev/null)
	[ -n "$AGENT" ] || return 1
	AGENT=$(realpath "$AGENT")
	git init -q "$here/$1" || return 1
	printf '%s\n' "$steps" >"$here/steps"
	rm -f "$here/model.in" "$here/model.out"
	mkfifo "$here/model.in" "$here/model.out" || return 1
	HOME_DIR=$HOME PROJECT_DIR=$here/$1 python3 -B "$source/tests/real/model.py" \
		"$here/steps" "$here/heard" <"$here/model.in" >"$here/model.out" 2>"$here/model.err" &
	exec 9>"$here/model.in"
	read -r MODEL_PORT <"$here/model.out" || return 1
	export AGENT MODEL_PORT
	given="-e allow\ connect\ 127.0.0.1:$MODEL_PORT"
	printf 'allow connect 127.0.0.1:%s\nallow env ANTHROPIC_API_KEY CODEX_API_KEY\nallow read,exec %s/**\n' \
		"$MODEL_PORT" "$(dirname "$AGENT")" >"$here/given"
	given="-p $here/given"
	mkdir -p "$HOME/.codex"
	cat >"$HOME/.codex/config.toml" <<END
model = "scripted"
model_provider = "scripted"
check_for_update_on_startup = false
[model_providers.scripted]
name = "scripted"
base_url = "http://127.0.0.1:$MODEL_PORT/v1"
env_key = "CODEX_API_KEY"
wire_api = "responses"
[analytics]
enabled = false
[features]
plugins = false
END
}

reached() { # NAME: planted things that the learned policy lets a program reach
	count=0
	for file in $planted; do
		timeout 20 "$interpose" -q -C "$here/$1" --only -p base \
			-p "$here/$1.policy" cat "$HOME/$file" 2>/dev/null |
			grep -q planted-secret-value && count=$((count + 1))
	done
	timeout 20 "$interpose" -q -C "$here/$1" --only -p base \
		-p "$here/$1.policy" "$HOME/planted-program" 2>/dev/null |
		grep -q planted-secret-value && count=$((count + 1))
	"$interpose" explain -C "$here/$1" --only -p base -p "$here/$1.policy" \
		connect 192.0.2.7:443 2>/dev/null | grep -q 'allow' &&
		count=$((count + 1))
	echo $count
}

printf '%-8s %6s %6s %7s %8s %8s %9s\n' job rules asked status changed reached sabotage
[ $# -gt 0 ] || set -- git make python npm rust go server docs claude codex
for job in "$@"; do
	for program in $(needs "$job"); do
		command -v "$program" >/dev/null || {
			printf '%-8s skipped: no %s here\n' "$job" "$program"
			continue 2
		}
	done
	mkdir -p "$here/$job" && cd "$here/$job" || exit 99
	agent_ready "$job" || {
		printf '%-8s skipped: no %s here, nor in AGENTS_DIR\n' "$job" "$job"
		continue
	}
	run_job "$job" 1 --dry-run="$here/$job.policy" --only -p base || {
		echo "$job: the dry run failed"
		cat "$here/out" "$here/err"
		failed=1
		continue
	}
	# What a program sets up at its first start is not what it does later: a
	# policy for one that keeps state is made from two runs.
	case $job in claude | codex)
		first=$("$interpose" log --list | awk 'NR == 1 { print $1 }')
		run_job "$job" 1 --dry-run="$here/$job.second" --only -p base
		second=$("$interpose" log --list | awk 'NR == 1 { print $1 }')
		# shellcheck disable=SC2086
		"$interpose" propose --only -p base $given "$first" "$second" \
			>"$here/$job.policy"
		;;
	esac
	rules=$(grep -c '^allow' "$here/$job.policy")
	[ "$job" = git ] && rm -rf repo1
	run_job "$job" 1 -q --only -p base -p "$here/$job.policy"
	status=$?
	asked=$("$interpose" log --asked --json | wc -l)
	run_job "$job" 2 -q --only -p base -p "$here/$job.policy"
	changed=$?
	asked=$((asked + $("$interpose" log --asked --json | wc -l)))
	count=$(reached "$job")
	run_job "$job" 3 -q --only -p base -p "$here/$job.policy"
	sabotage=$(sabotaged)
	printf '%-8s %6s %6s %7s %8s %8s %9s\n' "$job" "$rules" "$asked" \
		"$status" "$changed" "$count" "$sabotage"
	[ -n "${SHOW:-}" ] && sed "s/^/    /" "$here/$job.policy"
	[ "$asked$status$changed$count$sabotage" = 00000 ] || {
		failed=1
		"$interpose" log --asked | head -5
		sed 's/^/    /' "$here/$job.policy"
	}
done
exit $failed
