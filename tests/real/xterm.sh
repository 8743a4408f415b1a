# The question in xterm.js, which is the terminal of VS Code and of many a page: shown,
# answered with one key, and then each cell, the cursor and the modes are as before.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need python3
# shellcheck disable=SC2154 # set by `both`
node=$(PATH=$callers_path command -v node) || { echo "no node here"; exit 77; }
modules=${AGENTS_DIR:-$here/../../agents}
mkdir -p "$modules" && modules=$(cd "$modules" && pwd -P) || exit 1
xterm=$modules/node_modules/@xterm/headless
if [ ! -d "$xterm" ]; then
	(PATH=$callers_path && cd "$modules" && timeout 300 npm install --prefix . \
		--ignore-scripts --no-audit --no-fund --fetch-retries 1 \
		@xterm/headless@6.0.0) ||
		{ echo "no xterm.js here, and npm cannot fetch it"; exit 77; }
fi
fresh || exit 1
# shellcheck disable=SC2154
in_home timeout 300 python3 -B "$real/xterm.py" "$INTERPOSE" "$node" "$xterm"
