# A session of Claude Code whose key is only in a `secret`: the model is sent it,
# and none of the session's processes, files, variables or words has it. They are
# searched from outside while it runs, and by its own shell.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need python3
# shellcheck source=tests/real/agent
. "$(dirname "$0")/agent"
agent_find claude @anthropic-ai/claude-code@2.1.329

furnish() {
	mkdir -p project && cat >project/look.sh <<'END'
exec 2>&1
env; for file in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do tr '\0' '\n' <$file; done |
	grep -a sk-ant- | head -n 100
grep -a -o 'sk-ant-[[:print:]]*' /proc/self/maps /proc/[0-9]*/mem
grep -r -a -h -o 'sk-ant-[[:alnum:]-]*' ~ . | head -n 100
touch looked; until [ -e seen ]; do sleep 0.05; done
echo looked everywhere
END
}

fresh || exit 1
key=sk-ant-api03-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
agent_start '[
 {"name": "Bash", "input": {"command": "sh look.sh", "description": "Look"}},
 {"name": "Bash", "input": {"command": "echo done | tee answer", "description": "Answer"}}
]'
extra_environment="ANTHROPIC_BASE_URL=http://127.0.0.1:$port ANTHROPIC_API_KEY=$key
 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 IS_SANDBOX=1"
extra_rules="secret model from env ANTHROPIC_API_KEY to 127.0.0.1:$port"
KEY=$key python3 -B "$real/search.py" "$here/home/project" "$INTERPOSE" \
	>"$here/search.out" 2>&1 9>&- &
search=$!
agent_run claude -p 'Look around.' --dangerously-skip-permissions --tools Bash
wait $search || { echo "FAILED: the search from outside"; cat "$here/search.out"; exit 1; }
cat "$here/search.out"
KEY=$key python3 -B - "$here/heard" <<'END' || exit 1
import json, os, sys
key = os.environ["KEY"]
heard = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
keys = {sent for path, _, sent in heard if path.endswith("/messages")}
if keys != {key}:
    sys.exit("FAILED: the model was sent as keys: %r" % keys)
if any(key in body for _, body, _ in heard):
    sys.exit("FAILED: the model was told the key")
if not any("looked everywhere" in body for _, body, _ in heard):
    sys.exit("FAILED: the model never heard that it was looked for")
END
if grep -r -a -l -e "$key" "$here/home" "$here/state" "$here/agent.out"; then
	echo "FAILED: a file has the key"
	exit 1
fi
