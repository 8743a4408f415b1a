# A session of Codex with a rule about arguments, and a variable that one program
# has.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need python3 git printenv
# shellcheck source=tests/real/agent
. "$(dirname "$0")/agent"
# shellcheck source=tests/real/rules
. "$(dirname "$0")/rules"
agent_find codex @openai/codex@0.169.0

rules_bare
fresh || exit 1
agent_start '[
 {"name": "exec_command", "input": {"cmd": "sh rules.sh"}},
 {"name": "exec_command", "input": {"cmd": "git push -q origin HEAD:seven && echo PUSHED"}}
]'
codex_configure
extra_environment="CODEX_API_KEY=for-the-agent GITHUB_TOKEN=CANARY-env"
agent_run codex exec --skip-git-repo-check \
	--dangerously-bypass-approvals-and-sandbox 'Push it.'
rules_judge
