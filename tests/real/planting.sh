# Places where code would run later, outside: none of them can be written, and
# what is done beside them goes on.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need git

furnish() {
	echo '# mine' | tee .bashrc .profile .gitconfig >/dev/null
	mkdir -p .ssh .claude .config && echo '{}' >.claude/settings.json
	git -c init.defaultBranch=main init -q project
}

fresh || exit 1
held '
for place in ~/.bashrc ~/.profile ~/.zshrc ~/.gitconfig ~/.ssh/authorized_keys \
	~/.claude/settings.json ~/.config/autostart/x ~/.config/systemd/user/x \
	.git/config .git/hooks/pre-commit .claude/settings.json .mcp.json .vscode/tasks.json; do
	mkdir -p "$(dirname "$place")" && echo PLANTED >>"$place"
	echo PLANTED >new && mv new "$place"
	ln -sf /proc/self/cwd/new "$place"
done
mv .git old && git init -q . && git config core.fsmonitor PLANTED
git config core.pager PLANTED
git init -q fresh && cd fresh && git config user.name agent && echo "fresh: $(git config user.name)"
echo PLANTED >.git/hooks/post-checkout
' >"$here/seen" 2>&1
grep -q 'fresh: agent' "$here/seen" || { echo "FAILED: no new repository"; cat "$here/seen"; exit 1; }
if grep -rl PLANTED "$here/home" --exclude=new; then
	echo "FAILED: planted"
	exit 1
fi
[ "$(cat "$here/home/.bashrc")" = '# mine' ] || { echo "FAILED: .bashrc was changed"; exit 1; }
[ -d "$here/home/project/.git" ] || { echo "FAILED: .git was moved away"; exit 1; }
