#!/bin/sh
# git over ssh to a server of our own: the host's key is checked as ever, the
# user's is used by way of the agent and can be read by nobody.
set -u
if [ -z "${WORLD:-}" ]; then
	for tool in git ssh ssh-agent ssh-keygen /usr/sbin/sshd; do
		command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
	done
	[ "$(id -u)" -eq 0 ] || { echo "SKIP: sshd wants root"; exit 77; }
	src=$(cd "$(dirname "$0")" && pwd)
	INTERPOSE=${INTERPOSE:-$PWD/interpose}
	export INTERPOSE
	exec "$src/enter" "$src/ssh.sh"
fi
HOME=$WORLD/home XDG_STATE_HOME=$WORLD/home/state XDG_RUNTIME_DIR=$WORLD/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -p "$HOME/.ssh" "$HOME/p" && mkdir -m 700 "$XDG_RUNTIME_DIR" || exit 99
chmod 700 "$HOME" "$HOME/.ssh"
sshd='' failed=0
fail() { echo "FAILED: $*"; failed=1; sed 's/^/  | /' "$WORLD/out"; }

# The far end.
mount -t tmpfs none /run && mkdir -m 755 /run/sshd || { echo "SKIP: no /run"; exit 77; }
ssh-keygen -q -t ed25519 -N '' -f "$WORLD/host_key" &&
	ssh-keygen -q -t ed25519 -N '' -f "$WORLD/other_key" &&
	ssh-keygen -q -t ecdsa -b 384 -N '' -f "$WORLD/host_ecdsa" &&
	ssh-keygen -q -t rsa -b 2048 -N '' -f "$WORLD/host_rsa" &&
	ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id_ed25519" || exit 99
cp "$HOME/.ssh/id_ed25519.pub" "$WORLD/authorized"
chmod 600 "$WORLD/authorized"
cat >"$WORLD/sshd_config" <<C
ListenAddress 203.0.113.10:22
HostKey $WORLD/host_key
HostKey $WORLD/host_ecdsa
HostKey $WORLD/host_rsa
AuthorizedKeysFile $WORLD/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
C
/usr/sbin/sshd -D -e -f "$WORLD/sshd_config" 2>"$WORLD/sshd.log" & sshd=$!
git init -q --bare "$WORLD/far.git"
# The agent, outside of the session; its key is there and nowhere else.
eval "$(TMPDIR=/tmp ssh-agent)" >/dev/null
trap 'kill $sshd $SSH_AGENT_PID' EXIT
ssh-add -q "$HOME/.ssh/id_ed25519" || exit 99
for kind in key ecdsa rsa; do
	echo "good.test $(cut -d' ' -f1,2 "$WORLD/host_$kind.pub")"
done >"$HOME/.ssh/known_hosts"
GIT_SSH_COMMAND="ssh -F none -o UserKnownHostsFile=$HOME/.ssh/known_hosts -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes -o BatchMode=yes"
GIT_CONFIG_GLOBAL=/dev/null
export GIT_SSH_COMMAND GIT_CONFIG_GLOBAL
until ssh-keyscan -T 1 203.0.113.10 2>/dev/null | grep -q .; do
	kill -0 $sshd 2>/dev/null || { cat "$WORLD/sshd.log"; echo "SKIP: sshd does not start"; exit 77; }
done
cd "$HOME/p" || exit 99
host=root@good.test:$WORLD/far.git

session() { # RULE… -- PROGRAM…
	set -- -q --only -e 'include base' -e 'allow exec,read /**' \
		-e 'allow env GIT_SSH_COMMAND GIT_CONFIG_GLOBAL' "$@"
	timeout 60 "$INTERPOSE" "$@" >"$WORLD/out" 2>&1
}
agent="allow connect unix:$SSH_AUTH_SOCK"

session -e 'allow connect good.test:22' -e "$agent" -e 'allow env SSH_AUTH_SOCK' sh -c "
	git clone -q $host work && cd work && echo hello >file &&
	git add file && git -c user.name=a -c user.email=a@b.c commit -qm pushed &&
	git push -q origin HEAD:main" || fail "git over ssh"
[ "$(git -C "$WORLD/far.git" log --format=%s main 2>&1)" = pushed ] ||
	fail "the push did not arrive"

# The key itself is not to be had, nor another host, with or without the agent.
session -e 'allow connect good.test:22' -e "$agent" -e 'allow env SSH_AUTH_SOCK' \
	cat "$HOME/.ssh/id_ed25519" && fail "the key can be read"
grep -q PRIVATE "$WORLD/out" && fail "the key was read"
session -e 'allow connect good.test:22' -e "$agent" -e 'allow env SSH_AUTH_SOCK' \
	git ls-remote "root@other.test:$WORLD/far.git" && fail "another host"
session -e 'allow connect good.test:22' git ls-remote "$host" &&
	fail "the agent answers without a rule"
session -e 'allow connect good.test:22' sh -c "SSH_AUTH_SOCK=$SSH_AUTH_SOCK git ls-remote $host" &&
	fail "the agent's socket is open without a rule"

# One key of two, and for one host: without a rule that opens the agent.
ssh-keygen -q -t ed25519 -N '' -f "$WORLD/second_key" && ssh-add -q "$WORLD/second_key" || exit 99
sed 's/:22$/:2222/; s/host_key/other_key/' "$WORLD/sshd_config" >"$WORLD/sshd_other"
/usr/sbin/sshd -D -e -f "$WORLD/sshd_other" 2>"$WORLD/sshd_other.log" & other=$!
trap 'kill $sshd $other $SSH_AGENT_PID' EXIT
until ssh-keyscan -p 2222 -T 1 203.0.113.10 2>/dev/null | grep -q .; do
	kill -0 $other 2>/dev/null || { cat "$WORLD/sshd_other.log"; exit 99; }
done
echo "[good.test]:2222 $(cut -d' ' -f1,2 "$WORLD/other_key.pub")" >>"$HOME/.ssh/known_hosts"
key=$(ssh-keygen -lf "$HOME/.ssh/id_ed25519.pub" | cut -d' ' -f2)
cp "$HOME/.ssh/id_ed25519.pub" "$WORLD/second_key.pub" .
filtered() { # RULE PROGRAM…
	rule=$1 && shift
	session -e 'allow connect good.test:22,2222' -e "$rule" "$@"
}
filtered "ssh-agent $key to good.test" sh -c "
	git clone -q -b main $host again && cd again && echo more >>file &&
	git -c user.name=a -c user.email=a@b.c commit -qam filtered &&
	git push -q origin HEAD:main" || fail "git over ssh with one key of the agent"
[ "$(git -C "$WORLD/far.git" log -1 --format=%s main 2>&1)" = filtered ] ||
	fail "the filtered push did not arrive"
for kind in ecdsa-sha2-nistp384 rsa-sha2-512 rsa-sha2-256; do
	filtered "ssh-agent $key to good.test" \
		env "GIT_SSH_COMMAND=$GIT_SSH_COMMAND -o HostKeyAlgorithms=$kind" \
		git ls-remote "$host" || fail "a host's key of $kind"
done
filtered "ssh-agent $key to good.test" ssh-add -l || fail "the agent's list"
grep -q "$key" "$WORLD/out" || fail "the key is not listed"
[ "$(grep -c SHA256: "$WORLD/out")" -eq 1 ] || fail "another key is listed"
filtered "ssh-agent $key to good.test" sh -c "git ls-remote ssh://root@good.test:2222$WORLD/far.git" &&
	fail "the key was used for another host"
filtered "ssh-agent $key to good.test:2222" sh -c "git ls-remote ssh://root@good.test:2222$WORLD/far.git" ||
	fail "the key of another port"
filtered "ssh-agent $key to good.test" sh -c 'echo text | ssh-keygen -q -Y sign -f id_ed25519.pub -n file' &&
	fail "something else was signed"
filtered "ssh-agent $key" sh -c 'echo text | ssh-keygen -q -Y sign -f id_ed25519.pub -n file' ||
	fail "a key for any use"
filtered "ssh-agent $key" sh -c 'echo text | ssh-keygen -q -Y sign -f second_key.pub -n file' &&
	fail "another key signed"
filtered "ssh-agent $key to good.test" ssh-add -D && fail "keys were removed"
[ "$(ssh-add -l | wc -l)" -eq 2 ] || fail "a key is gone"
filtered "ssh-agent $key to nowhere.test" git ls-remote "$host" && fail "a host that is not known"
grep -q 'no known_hosts file has a key of nowhere.test' "$WORLD/out" || fail "no word on that"
filtered "ssh-agent $key to good.test" sh -c "SSH_AUTH_SOCK=$SSH_AUTH_SOCK ssh-add -l" &&
	fail "the agent itself is open"
if command -v python3 >/dev/null; then
	src=${0%/*}
	cp "$src/agent_attack.py" .
	filtered "ssh-agent $key to good.test" python3 agent_attack.py second_key.pub || fail "attacks on the agent"
	cp "$WORLD/out" "$WORLD/attacks"
	for name in any-text unbound hostbound-unbound other-key other-in-data add remove remove-all lock smartcard \
		extension bind-forged bind-forwarded bind-short list-and-more sign-short sign-long garbage inner-length \
		version-1 bind-then-sign; do
		grep -qx "$name type 5" "$WORLD/attacks" || fail "the agent was asked: $name"
	done
	for name in empty huge over; do
		grep -qx "$name over" "$WORLD/attacks" || fail "a message of no such length: $name"
	done
	for line in 'keys 1' 'refused 10000' 'list-after type 12'; do
		grep -qx "$line" "$WORLD/attacks" || fail "10,000 requests: $line"
	done
	[ "$(ssh-add -l | wc -l)" -eq 2 ] || fail "a key is gone after the attacks"
fi
grep -rqs 'the ssh agent was asked for what the policy does not allow' "$XDG_STATE_HOME" || fail "no alert"

# A server with another key is not the host that is known.
echo "good.test $(cut -d' ' -f1,2 "$WORLD/other_key.pub")" >"$HOME/.ssh/known_hosts"
session -e 'allow connect good.test:22' -e "$agent" -e 'allow env SSH_AUTH_SOCK' \
	git ls-remote "$host" && fail "a host key that is not known"
grep -q 'HOST IDENTIFICATION HAS CHANGED\|verification failed' "$WORLD/out" || fail "no word on the host's key"
exit $failed
