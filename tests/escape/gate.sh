#!/bin/sh
# Hostile code at the gate, under the built-in policy with the fence on: it gets
# nothing that the policy does not allow outright. See gate.c.
# GATE_TRIES tries the race.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/gate.XXXXXX") || exit 99
here=$(cd "$here" && pwd -P)
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
program=$PWD/tests/escape/gate
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
unset XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$HOME/private" "$here/run" "$here/state" "$here/bin"
cp "$program" "$here/bin/gate"
project=$here/project
mkdir -p "$HOME/.ssh" "$HOME/.aws" "$project/.git/hooks" "$project/src/tree" \
	"$project/sub/deep" "$project/config" "$project/clean"
cd "$project" || exit 99
echo TOPSECRET >"$HOME/.ssh/id_rsa"
ln -s id_rsa "$HOME/.ssh/link"
echo key=TOPSECRET >"$HOME/.aws/credentials"
echo TOPSECRET >"$HOME/private/other"
mkdir "$HOME/veil" "$HOME/show" "$HOME/faux" "$HOME/lone" "$HOME/lone/below" "$HOME/show/below"
echo TOPSECRET >"$HOME/veil/x"
ln -s x "$HOME/veil/link"
echo plain >"$HOME/show/x"
for file in x below/x; do echo TOPSECRET >"$HOME/lone/$file"; done
for tree in lone faux show; do ln -s x "$HOME/$tree/link"; done
echo as-before >"$HOME/.bashrc"
echo KEY=TOPSECRET >.env
echo KEY=TOPSECRET >sub/deep/.env
echo TOPSECRET >sub/id_rsa
# What was there before the session under another name.
ln "$HOME/.ssh/id_rsa" src/hard
ln "$HOME/.bashrc" src/hardrc
ln -s "$HOME/.ssh/id_rsa" src/link
ln -s "$HOME/.ssh" src/linked
echo KEY=TOPSECRET >config/production
ln -s ../../config/production sub/deep/.env.local
echo '[core]' >.git/config
for file in src/plain clean/gone src/tree/a; do echo plain >$file; done
before=$(find "$HOME" .git -type f -exec ls -l --time-style=full-iso {} +)
failed=0

attack() { # FENCE
	timeout 120 "$interpose" -q --fence "$1" -C "$project" \
		-e "allow read,exec $here/bin/**" -e "deny read,write $HOME/private/**" \
		-e "hide read $HOME/veil $HOME/veil/**" -e "allow read $HOME/show $HOME/show/**" \
		-e "fake read $HOME/faux/link as keys" -e "hide read $HOME/lone" -e "allow read,write $HOME/lone/x $HOME/lone/made $HOME/lone/below/**" \
		"$here/bin/gate" "$HOME" "$project" "${GATE_TRIES:-2000}" \
		"$(stat -c %i "$HOME/veil/x")" "$(stat -c %i "$HOME/veil")" \
		"$(stat -c %i "$HOME/lone")" "$(stat -c %i "$HOME/faux/link")" >"$here/out" 2>&1
	status=$?
	[ $status -eq 0 ] || { echo "FAILED: --fence $1, status $status"; failed=1; cat "$here/out"; }
}

attack auto
passes=
grep -q 'metadata passes' "$here/out" && passes=1
[ "$passes" ] || echo "(no Landlock of its third version here: nothing passed at the gate)"
echo plain >clean/gone
attack off
[ "$(grep -c 'turned to .*: 0 times' "$here/out")" = 4 ] ||
	{ echo "FAILED: what is hidden was named with --fence off"; cat "$here/out"; failed=1; }
grep -q 'metadata passes' "$here/out" && { echo "FAILED: metadata passed with --fence off"; failed=1; }
after=$(find "$HOME" .git -type f -exec ls -l --time-style=full-iso {} +)
[ "$before" = "$after" ] || { echo "FAILED: files changed"; echo "$before"; echo "$after"; failed=1; }

# Where names may be made, none leads out of what is kept, or into it.
cd "$HOME" && mkdir open open/dir other half hid sockets || exit 99
for tree in private half hid; do echo TOPSECRET >$tree/x; done
echo plain >open/a
names() { # FENCE
	timeout 60 "$interpose" -q --fence "$1" --only -C open -e 'allow read,write,exec /**' \
		-e 'allow env *' -e "deny read,write $HOME/private/**" -e "deny write $HOME/half/**" \
		-e "hide read $HOME/hid/**" -e "allow connect unix:$HOME/sockets/**" "$here/bin/gate" "$HOME" names >"$here/out" 2>&1
	status=$?
	[ $status -eq 0 ] || { echo "FAILED: names, --fence $1, status $status"; failed=1; cat "$here/out"; }
	for tree in private half hid; do
		[ "$(ls $tree/x)" = $tree/x ] || { echo "FAILED: $tree"; failed=1; }
	done
	rm -rf open/file open/link open/hard
}
names auto
names strict
names off

# What guards a session, what is asked about, faked, denied for a time or logged.
guarded=$here/guarded
mkdir -p "$guarded"/config/interpose/policies "$guarded"/state/interpose/sessions "$guarded"/run/interpose \
	"$guarded"/src/tree "$guarded"/asked "$guarded"/until "$guarded"/faked \
	"$guarded"/logged "$guarded"/open/dir
chmod 700 "$guarded" "$guarded"/run "$guarded"/state "$guarded"/*/interpose
printf 'policy 1\n# TOPSECRET\n' >"$guarded/config/interpose/policy"
echo '# TOPSECRET' >"$guarded/config/interpose/trust"
for file in asked/x until/x logged/x open/a src/plain src/tree/a; do echo TOPSECRET >"$guarded/$file"; done
echo API_KEY=TOPSECRETTOPSECRETTOPSECRET >"$guarded/faked/.env"
# (Not all of the machine is allowed: so large a part of it might be looked through
# that nothing is left for what is wanted here.)
guard() { # FENCE [fenced]
	(cd "$guarded" && find . -path ./state -prune -o -type f -exec cksum {} + | sort) >"$here/before"
	HOME=$guarded XDG_CONFIG_HOME=$guarded/config XDG_STATE_HOME=$guarded/state XDG_RUNTIME_DIR=$guarded/run \
		timeout 60 "$interpose" -q --fence "$1" --only --ask deny -C "$guarded/src" \
		-e 'allow read /usr/** /lib/** /lib64/** /etc/**' -e 'allow read,write /proc/** /dev/**' \
		-e "allow read,write $guarded/** $here/bin/**" -e 'allow exec /**' -e 'allow env *' \
		-e "ask read,write $guarded/asked/**" \
		-e "deny read,write $guarded/until/** until 2999-01-01" -e "fake read $guarded/faked/.env as dotenv" \
		-e "allow read $guarded/logged/** log" "$here/bin/gate" "$guarded" guard ${2:+"$2"} >"$here/out" 2>&1
	status=$?
	(cd "$guarded" && find . -path ./state -prune -o -type f -exec cksum {} + | sort) >"$here/after"
	[ $status -eq 0 ] || { echo "FAILED: guard, --fence $1, status $status"; failed=1; cat "$here/out"; }
	diff "$here/before" "$here/after" || { echo "FAILED: guard, --fence $1: files changed"; failed=1; }
}
guard auto ${passes:+fenced}
guard strict ${passes:+fenced}
guard off

# What another program has in its pipes and memory, which Landlock does not rule:
# no program of a session is kept from another, but where a rule grants one
# something that the others are not granted.
there=$here/there
mkdir "$there" "$there/work" "$there/home" "$there/run" "$there/state"
cp "$program" "$there/pry"
cp "$program" "$there/holder"
chmod -R a+rX "$there"
cat >"$there/job" <<-END
	cd $there/work && mkfifo told go && exec 3<>told 4<>go || exit 99
	$there/holder $there/work hold >told <go 4>&- &
	read pid <&3
	$there/pry \$pid pry
	rm told go
	exec 4>&-
	wait
END
pries() { # WHO WHAT WANTED COMMAND…
	who=$1 what=$2 wanted=$3
	shift 3
	if [ "$who" = user ]; then
		set -- setpriv --reuid=54321 --regid=54321 --clear-groups "$@"
		chown -R 54321:54321 "$there"
	fi
	(cd "$there/work" && HOME=$there/home XDG_STATE_HOME=$there/state XDG_RUNTIME_DIR=$there/run \
		TOKEN=token-0123456789 timeout 60 "$@" sh "$there/job") >"$here/out" 2>&1
	got=$(grep -c '^pried' "$here/out")
	[ "$wanted" = any ] && [ "$got" -gt 0 ] || [ "$got" = "$wanted" ] && return
	echo "FAILED: $what, as $who: $got ways in"
	cat "$here/out"
	failed=1
}
held() { # WHO WHAT WANTED OPTION…
	who=$1 what=$2 wanted=$3
	shift 3
	pries "$who" "$what" "$wanted" "$interpose" -q --only -C "$there/work" \
		-e 'allow read,write,exec /**' -e 'allow env *' "$@"
}
apart() { # WHO
	pries "$1" "pipes and memory files, bare" any env
	[ -z "$passes" ] || held "$1" "without a grant, they are each other's" any --fence auto
	for fence in auto strict off; do
		for rule in "allow env TOKEN by $there/holder" \
			"allow read $there/home/x by $there/holder" \
			"allow read $there/home/x under $there/holder"; do
			held "$1" "--fence $fence, $rule" 0 --fence $fence \
				-e 'hide env TOKEN' -e "hide read $there/home/x" -e "$rule"
		done
	done
}
if [ "$(id -u)" -ne 0 ]; then
	apart "$(id -un)"
else
	apart root
	if chmod 755 "$here" && setpriv --reuid=54321 --regid=54321 --clear-groups \
		test -x "$interpose" -a -x "$there" 2>/dev/null; then
		apart user
	else
		echo "(no ordinary user who could run $interpose)"
	fi
fi
exit $failed
