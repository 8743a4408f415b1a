# A session of Claude Code with a rule about arguments, and a variable that one
# program has.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need python3 git printenv
# shellcheck source=tests/real/agent
. "$(dirname "$0")/agent"
# shellcheck source=tests/real/rules
. "$(dirname "$0")/rules"
agent_find claude @anthropic-ai/claude-code@2.1.329

rules_bare
fresh || exit 1
agent_start '[
 {"name": "Bash", "input": {"command": "sh rules.sh", "description": "Push"}},
 {"name": "Bash", "input": {"command": "git push -q origin HEAD:seven && echo PUSHED", "description": "Push"}}
]'
extra_environment="ANTHROPIC_BASE_URL=http://127.0.0.1:$port ANTHROPIC_API_KEY=for-the-agent
 GITHUB_TOKEN=CANARY-env CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 IS_SANDBOX=1"
agent_run claude -p 'Push it.' --dangerously-skip-permissions --tools Bash
rules_judge
