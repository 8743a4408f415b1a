# Claude Code's own screen, in a real terminal: twenty tool calls of ordinary work
# ask nothing, and a question of someone else in its session leaves the screen as
# it was, cell by cell. Then the same for the screens of other programs.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need python3 git make tmux
# shellcheck source=tests/real/agent
. "$(dirname "$0")/agent"
agent_find claude @anthropic-ai/claude-code@2.1.329

furnish() {
	mkdir -p .claude project/src && echo hidden >secret
	printf 'all:\n\t@echo built\ntest:\n\tgrep -q right answer\n' >project/Makefile
	echo wrong >project/answer
	echo 'print("hello")' >project/src/hello.py
	printf 'int main(void) { return 0; }\n' >project/src/main.c
	(cd project && git init -q . && git config user.name agent &&
		git config user.email a@example.com && git add . &&
		git commit -qm first)
	cat >.claude.json <<END
{"hasCompletedOnboarding": true, "theme": "dark", "bypassPermissionsModeAccepted": true,
 "numStartups": 9, "autoUpdates": false,
 "projects": {"$HOME/project": {"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true}}}
END
}

fresh || exit 1
agent_start '[
 {"name": "Bash", "input": {"command": "ls -la && pwd", "description": "Look"}},
 {"name": "Bash", "input": {"command": "git status && git log --oneline | head", "description": "State"}},
 {"name": "Read", "input": {"file_path": "{project}/Makefile"}},
 {"name": "Read", "input": {"file_path": "{project}/answer"}},
 {"name": "Bash", "input": {"command": "make && make test || echo fails", "description": "Test"}},
 {"name": "Bash", "input": {"command": "grep -rn hello . --include=*.py; find . -name \"*.c\" | xargs wc -l", "description": "Search"}},
 {"name": "Edit", "input": {"file_path": "{project}/answer", "old_string": "wrong", "new_string": "right"}},
 {"name": "Bash", "input": {"command": "make test && git diff | cat", "description": "Test again"}},
 {"name": "Write", "input": {"file_path": "{project}/src/new.py", "content": "import json, os, tempfile\nwith tempfile.TemporaryDirectory() as d:\n    open(os.path.join(d, \"x\"), \"w\").write(json.dumps(1))\nprint(\"new\")\n"}},
 {"name": "Bash", "input": {"command": "python3 src/new.py && python3 -m compileall -q src", "description": "Run"}},
 {"name": "Bash", "input": {"command": "cc -o /tmp/interpose-screen-test src/main.c && /tmp/interpose-screen-test; rm -f /tmp/interpose-screen-test", "description": "Compile"}},
 {"name": "Bash", "input": {"command": "mkdir -p build && cp src/*.py build/ && mv build/new.py build/old.py && rm -r build", "description": "Files"}},
 {"name": "Bash", "input": {"command": "sed -i s/hello/hallo/ src/hello.py && cat src/hello.py", "description": "Change"}},
 {"name": "Bash", "input": {"command": "sort Makefile | uniq -c | awk \"{print \\$1}\" | tail -n 2", "description": "Pipe"}},
 {"name": "Bash", "input": {"command": "tar czf /tmp/interpose-screen.tgz src && tar tzf /tmp/interpose-screen.tgz && rm /tmp/interpose-screen.tgz", "description": "Pack"}},
 {"name": "Bash", "input": {"command": "env | sort | head -n 3; date; uname -a; df . | tail -n 1; ps | head -n 3", "description": "Machine"}},
 {"name": "Bash", "input": {"command": "git stash && git stash pop && git branch topic && git checkout -q topic", "description": "Branch"}},
 {"name": "Bash", "input": {"command": "git add -A && git commit -qm \"made by the agent\" && git show --stat | cat", "description": "Commit"}},
 {"name": "Read", "input": {"file_path": "{project}/src/hello.py"}},
 {"name": "Bash", "input": {"command": "sleep 0.1 & wait; git checkout -q - && git merge -q topic && git log --oneline | cat", "description": "Merge"}}
]'
# With zsh it would look at what lies beside the home, which is no home of people.
extra_environment="SHELL=/bin/bash ANTHROPIC_BASE_URL=http://127.0.0.1:$port ANTHROPIC_AUTH_TOKEN=for-the-agent
 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 IS_SANDBOX=1 TERM=screen-256color"
mkfifo "$here/home/project/.git/go" "$here/home/project/.git/gone" || exit 1
# shellcheck disable=SC2086
in_home timeout 400 python3 -B "$real/screen.py" "$INTERPOSE" "$profiles" "$agent" \
	"$port" "$here/heard" 9>&-
