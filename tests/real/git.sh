# A repository from its creation to a merge, a clone and a garbage collection.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need git
extra_environment='GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z'

both '
set -e
git init -q -b main wc && cd wc
git config user.email a@example.com && git config user.name agent
printf "one\n" >a && git add a && git commit -qm first
git checkout -q -b side && printf "two\n" >b && git add b && git commit -qm second
git checkout -q main && printf "three\n" >c && git add c && git commit -qm third
git merge -q -m merged side && git log --oneline --graph | cat
printf "*.o\n" >.gitignore && touch x.o && git status --short
git mv a d && git stash -q && git stash pop -q && git diff --stat HEAD | cat
git reset -q --hard && rm -f x.o .gitignore
git checkout -q -b topic side && printf "four\n" >e && git add e && git commit -qm fourth
git rebase -q main && git log --format=%s | cat
GIT_SEQUENCE_EDITOR="sed -i s/^pick/reword/" GIT_EDITOR="sed -i 1s/^/re/" git rebase -q -i HEAD~1 && git log -1 --format=%s | cat
git checkout -q main && git apply <<END && git diff | cat && git checkout -q .
--- a/c
+++ b/c
@@ -1 +1 @@
-three
+drei
END
git gc -q && git fsck 2>&1
cd .. && git clone -q wc copy && cd copy && git rev-parse HEAD && ls -A
git worktree add -q ../tree side 2>&1 && ls ../tree
'
