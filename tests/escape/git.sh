#!/bin/sh
# Ways to have git, an editor or an agent run something once the session has
# ended: what they read is put elsewhere, or told to be elsewhere. Git itself,
# run outside afterwards, must not find it. Under the built-in policy, in a
# repository, in a linked work tree and in a submodule.
set -u
command -v git >/dev/null || { echo "SKIP: no git"; exit 77; }
# Not in /tmp, which the built-in policy opens.
here=$(mktemp -d "$PWD/gitesc.XXXXXX") || exit 99
here=$(cd "$here" && pwd -P)
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_RUNTIME_DIR=$here/run
unset XDG_STATE_HOME XDG_CONFIG_HOME GIT_DIR GIT_WORK_TREE
GIT_CONFIG_NOSYSTEM=1 MARK=$here/ran
export HOME XDG_RUNTIME_DIR GIT_CONFIG_NOSYSTEM MARK
mkdir -m 700 "$here/run" "$HOME"
failed=0
wrong() { echo "FAILED: $*"; failed=1; }

git config --global user.email nobody@example.com
git config --global user.name nobody
git config --global init.defaultBranch main
git config --global protocol.file.allow always
git init -q "$HOME/main" && cd "$HOME/main" || exit 99
echo one >file && git add file && git commit -qm one || exit 99
mkdir "$HOME/worktrees" # a name that git, too, gives to a directory
git worktree add -q "$HOME/worktrees/tree" 2>/dev/null || exit 99
git worktree add -q "$HOME/worktrees/other" 2>/dev/null || exit 99
git init -q "$HOME/outer" && cd "$HOME/outer" || exit 99
git submodule --quiet add "$HOME/main" sub && git commit -qm sub || exit 99
echo PRIVATE >"$HOME/notes"

cat >"$here/attack" <<'ATTACK'
# Each line tries; what works is seen from outside.
mkdir -p evil/hooks evil/objects evil/refs x
echo 'ref: refs/heads/main' >evil/HEAD
printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch %s\n' "$MARK" >evil/config
printf '#!/bin/sh\ntouch %s\n' "$MARK" >evil/hooks/pre-commit
chmod +x evil/hooks/pre-commit
common=$(git rev-parse --git-common-dir) own=$(git rev-parse --git-dir)
rm -r "$common/hooks"
ln -s "$PWD/evil/hooks" "$common/hooks"
ln -s "$PWD/evil/hooks" link && mv -T link "$common/hooks"
ln -s "$PWD/evil/hooks" link2 && ln link2 "$common/hooks"
cp -r evil more && mv -T more/hooks "$common/more" && mv -T "$common/more" "$common/hooks"
echo "$PWD/evil" >"$common/commondir"
for tree in "$common"/worktrees/*/; do
	for name in commondir gitdir config.worktree; do
		echo "$PWD/evil" >"$tree$name"
		mv -f evil/HEAD "$tree$name"
		rm -f "$tree$name"
	done
done
[ -f .git ] && {
	echo "gitdir: $PWD/evil" >.git
	echo "gitdir: $PWD/evil" >other && mv -f other .git
	rm -f .git && ln -s evil .git
}
ln -s x .vscode
ln -s x .claude
echo '{}' >x/tasks.json
echo '{}' >x/settings.json
# What must still work.
git worktree add -q --detach added 2>/dev/null || echo "no work tree can be added"
echo two >>file && git commit -qam two 2>/dev/null || echo "no commit can be made"
ln -s ../file x/link && mv x/link x/link2 || echo "no link can be made"
ATTACK

for project in main worktrees/tree outer/sub; do
	cd "$HOME/$project" || exit 99
	timeout 60 "$interpose" -q sh -c "$(cat "$here/attack")" >"$here/said" 2>"$here/errors"
	[ ! -s "$here/said" ] || wrong "$project: $(cat "$here/said")"
	for name in .vscode/tasks.json .claude/settings.json; do
		[ ! -e "$name" ] || wrong "$project: $name"
	done
	for place in "$HOME/main" "$HOME/worktrees/tree" \
		"$HOME/worktrees/other" "$HOME/outer" "$HOME/outer/sub"; do
		cd "$place" || exit 99
		git status --short >"$here/status" 2>&1 || wrong "$project: git status in $place"
		git commit -qm outside --allow-empty >/dev/null 2>&1 || wrong "$project: git commit in $place"
		[ ! -e "$MARK" ] || { wrong "$project: ran from $place"; rm "$MARK"; }
	done
done

# A work tree whose `.git` file was forged (by what came before interpose) does
# not choose what is open: here it would be all of the home.
cd "$HOME/worktrees/other" || exit 99
rm .git && echo "gitdir: ." >.git
echo "$PWD/.git" >gitdir
echo ../.. >commondir
timeout 60 "$interpose" -q cat "$HOME/notes" >"$here/said" 2>/dev/null
case $here in
/tmp/* | /var/tmp/*) ;;
*) grep -q PRIVATE "$here/said" && wrong "a forged .git file opens the home" ;;
esac
exit $failed
