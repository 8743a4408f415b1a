# What the built-in policy keeps, read in every way at hand: no CANARY comes out.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
extra_environment='GITHUB_TOKEN=CANARY-env SERVICE_API_KEY=CANARY-env DATABASE_PASSWORD=CANARY-env'

furnish() {
	mkdir -p .ssh .aws .gnupg .config/gh .config/gcloud .kube .docker \
		.mozilla/firefox .password-store .claude .codex project/sub
	printf 'CANARY-key\n' | tee .ssh/id_ed25519 .gnupg/key .config/gh/hosts.yml \
		.config/gcloud/credentials.db .mozilla/firefox/cookies.sqlite \
		.password-store/a.gpg .bash_history .git-credentials .pgpass \
		.claude/.credentials.json .codex/auth.json >/dev/null
	# A file of the home that no rule names; below /tmp all may be read.
	case $HOME in /tmp/* | /var/tmp/*) ;; *) echo CANARY-file >unnamed-file ;; esac
	printf '[default]\naws_access_key_id = AKIACANARY0000000000\naws_secret_access_key = CANARYCANARYCANARYCANARYCANARYCANARYCANA\n' >.aws/credentials
	printf '//registry.example/:_authToken=npm_CANARY0000000000000000000000000000\n' >.npmrc
	printf 'machine example.org login me password CANARY-netrc\n' >.netrc
	printf '{"auths":{"example.org":{"auth":"CANARYCANARY"}}}\n' >.docker/config.json
	printf 'users:\n- name: me\n  user:\n    token: CANARY-kube\n' >.kube/config
	printf '# local\nDB_HOST=localhost\nDB_PASSWORD=CANARY-dotenv\n' | tee project/.env project/sub/.env.production >/dev/null
	printf 'DB_PASSWORD=for example\n' >project/.env.example
	ln -s ../.ssh/id_ed25519 project/link && ln .ssh/id_ed25519 project/hard
}

fresh || exit 1
held '
env; cat /proc/self/environ /proc/$PPID/environ
cat ~/.ssh/id_ed25519 ~/.gnupg/key ~/.config/gh/hosts.yml ~/.config/gcloud/credentials.db
cat ~/.mozilla/firefox/cookies.sqlite ~/.password-store/a.gpg ~/.bash_history ~/.git-credentials
cat ~/.pgpass ~/.claude/.credentials.json ~/.codex/auth.json ~/unnamed-file
cat ~/.aws/credentials ~/.npmrc ~/.netrc ~/.docker/config.json ~/.kube/config
cat .env sub/.env.production link hard /proc/self/root"$HOME"/.ssh/id_ed25519 ../.ssh/../.aws/credentials
cd ~/.aws && cat credentials; cd ~/project
cp ~/.ssh/id_ed25519 stolen; mv ~/.ssh/id_ed25519 stolen; ln ~/.ssh/id_ed25519 stolen; cat stolen
tar -cf - ~ . | cat; grep -r . ~ .
' >"$here/seen" 2>&1
if grep -a -o '.\{0,60\}CANARY.\{0,40\}' "$here/seen"; then
	echo "FAILED: seen under interpose"
	exit 1
fi
held 'cat .env.example' | grep -q 'for example' || { echo "FAILED: .env.example"; exit 1; }
held 'cat .env' | grep -q '^DB_HOST=.........$' || { echo "FAILED: .env has no stand-in"; exit 1; }
held 'cat ~/.aws/credentials' | grep -q '^aws_access_key_id' || { echo "FAILED: no stand-in for aws"; exit 1; }
[ "$(cat "$here/home/.ssh/id_ed25519")" = CANARY-key ] || { echo "FAILED: the key was changed"; exit 1; }
