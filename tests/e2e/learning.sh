#!/bin/sh
# A dry run refuses nothing, says so, and writes a policy under which the same
# job passes without a question and a sabotaged one does not; replay and diff
# tell what an edit of it would change.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
# base allows all below /tmp, so in a tree that is there what is learned from
# stands in the home.
top=$PWD
case $PWD/ in
/tmp/* | /var/tmp/*) top=$HOME ;;
esac
case $(realpath "$top")/ in
/tmp/* | /var/tmp/*)
	echo "SKIP: base allows all below /tmp, and the home is there, too"
	exit 77
	;;
esac
here=$(mktemp -d "$top/learning.XXXXXX") || {
	echo "SKIP: $top cannot be written to"
	exit 77
}
trap 'rm -rf "$here"' EXIT
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/home/.config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
# shellcheck disable=SC2174
mkdir -p -m 700 "$HOME" "$here/run" "$here/state" "$here/project" || exit 99
mkdir -p "$HOME/.aws" "$HOME/.tool/store" "$HOME/docs/ref" "$HOME/mixed/dir"
printf '[default]\naws_secret_access_key = %s\n' real-key-of-mine \
	>"$HOME/.aws/credentials"
for i in one two three four; do
	echo "$i" | tee "$HOME/.tool/store/$i" "$HOME/docs/ref/$i" \
		>"$HOME/mixed/dir/$i"
done
echo planted | tee "$HOME/.tool/token" "$HOME/docs/secret" \
	"$HOME/mixed/dir/key" >"$HOME/notes"
echo '[ok]' >"$HOME/.tool/config"
printf '#!/bin/sh\necho ran\n' >"$HOME/planted-program"
chmod 755 "$HOME/planted-program"
cat >"$here/project/job" <<'JOB'
cat "$HOME/.aws/credentials" || exit 1
cat "$HOME/.tool/config" "$HOME/.tool/store/one" "$HOME/.tool/store/two" \
	"$HOME/.tool/store/three" >/dev/null || exit 1
cat "$HOME/docs/ref/one" "$HOME/docs/ref/two" "$HOME/docs/ref/$1" \
	>/dev/null || exit 1
cat "$HOME/mixed/dir/one" "$HOME/mixed/dir/two" "$HOME/mixed/dir/three" \
	>/dev/null || exit 1
echo state >"$HOME/.tool/tmp.$2" || exit 1
"$HOME/bin/reader" "$HOME/papers/own" "$HOME/papers/shared" || exit 1
cat "$HOME/papers/shared" >/dev/null || exit 1
mkdir -p bin && cp "$HOME/bin/reader" bin/built || exit 1
bin/built "$HOME/papers/for-built" || exit 1
JOB
# A program of a purpose of its own, as far as its name tells.
mkdir "$HOME/bin" "$HOME/papers" && cp "$(command -v cat)" "$HOME/bin/reader" || exit 99
echo own | tee "$HOME/papers/shared" "$HOME/papers/for-built" >"$HOME/papers/own"
cd "$here/project" || exit 99
echo "hide read ~/mixed/dir/key" >"$here/extra"
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

has() { # FILE WORDS
	grep -q -- "$2" "$1" || {
		fail "no '$2' in $1"
		cat "$1"
	}
}

hasnt() {
	! grep -q -- "$2" "$1" || {
		fail "'$2' in $1"
		cat "$1"
	}
}

json_lines() { # FILE LEAST MOST
	python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
sys.exit(not int(sys.argv[2]) <= len(lines) <= int(sys.argv[3]))
' "$@" || {
		fail "not $2 to $3 lines of JSON"
		cat "$1"
	}
}

run() {
	timeout 60 "$interpose" -C "$here/project" "$@" >"$here/out" 2>"$here/err" </dev/null
}

# -- the dry run ---------------------------------------------------------------
run --dry-run="$here/policy" -p "$here/extra" sh job three a1b2c3d4 ||
	fail "the dry run: status $?"
has "$here/out" real-key-of-mine
has "$here/err" 'REALLY READ.*\.aws/credentials'
has "$here/err" 'nothing was refused'
"$interpose" log --json >"$here/log"
has "$here/log" '"subject":"[^"]*/\.aws/credentials","verdict":"fake".*"by":"dry-run"'
"$interpose" log verify >"$here/verify" 2>&1 || fail "the log does not verify"

# What guards interpose stays, whatever the run.
run -n sh -c "cat $here/state/interpose/sessions/*/events.jsonl" &&
	fail "a dry run read the audit log"

# -- what is proposed ------------------------------------------------------------
has "$here/policy" '^allow read  *~/\.tool/store/\*\* '
has "$here/policy" '^allow read  *~/docs/ref/\*\* '
has "$here/policy" '^allow write  *~/\.tool/tmp\.\* '
has "$here/policy" '^allow read  *~/\.tool/config '
hasnt "$here/policy" '^allow.*aws'
# A rule would have covered a neighbour that is hidden: it is split.
hasnt "$here/policy" 'mixed/dir/\*'
has "$here/policy" '^allow read  *~/mixed/dir/one '
# What one program alone used is that one's, unless the session makes it.
has "$here/policy" '^allow read  *~/papers/own by ~/bin/reader '
has "$here/policy" '^allow read  *~/papers/shared  *#'
has "$here/policy" '^allow read  *~/papers/for-built  *#'
has "$here/policy" '^allow read  *~/\.tool/config  *# .* by cat$'
first=$("$interpose" log --list | awk 'NR == 2 { print $1 }')
"$interpose" propose -p "$here/extra" "$first" >"$here/again" ||
	fail "propose: status $?"
cmp "$here/policy" "$here/again" || fail "the proposal is not the same again"
"$interpose" propose -p "$here/extra" "$first" "$first" >"$here/again"
cmp "$here/policy" "$here/again" || fail "a session named twice counts twice"
"$interpose" policy check "$here/policy" >"$here/check" 2>&1 || {
	fail "the proposal does not load"
	cat "$here/check"
}

# -- where it goes ---------------------------------------------------------------
# It is not written to through what the session put where the proposal goes.
mkdir -p "$HOME/.config/interpose"
echo '# mine' >"$HOME/.config/interpose/policy"
run --dry-run="$here/linked" sh -c "rm $here/linked
	ln -s $HOME/.config/interpose/policy $here/linked" &&
	fail "a proposal was written through the session's link"
has "$here/err" 'another file there'
has "$HOME/.config/interpose/policy" '^# mine$'
# An earlier session could have put it there.
run --dry-run="$here/linked" sh -c "touch $here/ran"
[ $? -eq 125 ] && [ ! -e "$here/ran" ] ||
	fail "a dry run was started whose proposal leads through a link"
has "$here/err" 'symbolic link'
has "$HOME/.config/interpose/policy" '^# mine$'
rm -r "$HOME/.config/interpose" "$here/linked"
run --dry-run="$here/nowhere/x" sh -c "touch $here/ran"
[ $? -eq 125 ] && [ ! -e "$here/ran" ] ||
	fail "a dry run whose proposal has no place was started"

# -- under it ----------------------------------------------------------------
under() {
	run --only -p base -p "$here/policy" -e "hide read ~/mixed/dir/key" "$@"
}
under sh job three a1b2c3d4 || fail "the same job: status $?"
under sh job four 99aa88bb77 || fail "another run of the job: status $?"
hasnt "$here/out" real-key-of-mine
"$interpose" log --asked --json >"$here/log"
[ ! -s "$here/log" ] || fail "the job was asked about: $(cat "$here/log")"
under cat "$HOME/papers/own"
hasnt "$here/out" own
under "$HOME/bin/reader" "$HOME/papers/own" || fail "the reader: status $?"
has "$here/out" own
cp "$HOME/bin/reader" bin/reader
under bin/reader "$HOME/papers/own"
hasnt "$here/out" own
for planted in .tool/token docs/secret notes mixed/dir/key .aws/credentials; do
	under cat "$HOME/$planted"
	hasnt "$here/out" planted
	hasnt "$here/out" real-key-of-mine
done
under "$HOME/planted-program" --of "two words" && fail "a new program ran"
"$interpose" log --denied --json >"$here/log"
has "$here/log" '"argv":\["[^"]*planted-program","--of","two words"\].*"verdict":"ask"'
under sh -c "echo x >$HOME/.tool/config" && fail "a read became a write"

# -- variables ---------------------------------------------------------------------
# Under nothing at all each is asked about; what base keeps is not proposed.
env -i PATH="$PATH" HOME="$HOME" XDG_STATE_HOME="$XDG_STATE_HOME" \
	XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" XDG_CONFIG_HOME="$XDG_CONFIG_HOME" \
	COLOUR=red MY_TOKEN=token-of-mine AWS_SECRET_ACCESS_KEY=key-of-mine \
	"$interpose" -C "$here/project" --only -e "allow read,write,exec /**" \
	--dry-run="$here/variables" true </dev/null 2>"$here/err" ||
	fail "the dry run of variables: $(cat "$here/err")"
has "$here/variables" '^allow env  *COLOUR HOME PATH'
hasnt "$here/variables" '^allow.*TOKEN'
hasnt "$here/variables" '^allow.*AWS'
has "$here/variables" '^#  *hide  *env  *MY_TOKEN'
hasnt "$here/variables" of-mine
COLOUR=red MY_TOKEN=token-of-mine "$interpose" -q -C "$here/project" --only \
	-e "allow read,write,exec /**" -p "$here/variables" env </dev/null \
	>"$here/out" 2>"$here/err"
has "$here/out" COLOUR=red
hasnt "$here/out" of-mine

# -- replay, diff --------------------------------------------------------------
"$interpose" replay "$first" -p "$here/extra" >"$here/replay" ||
	fail "replay: status $?"
has "$here/replay" '^0 of [0-9]* recorded events'
echo "deny read ~/docs/**" >"$here/edit"
"$interpose" replay "$first" -p "$here/extra" -p "$here/policy" \
	-p "$here/edit" >"$here/replay" || fail "replay of an edit: status $?"
has "$here/replay" 'read ask -> deny: 3 events.*deny read .*docs'
has "$here/replay" 'read ask -> allow'
"$interpose" replay --json "$first" -p "$here/extra" >"$here/replay" ||
	fail "replay --json: status $?"
has "$here/replay" '^{"changed":0,"of":[1-9][0-9]*}$'
json_lines "$here/replay" 1 1
"$interpose" replay --json "$first" -p "$here/extra" -p "$here/policy" \
	-p "$here/edit" >"$here/replay" || fail "replay --json of an edit: status $?"
json_lines "$here/replay" 2 99
has "$here/replay" '^{"action":"read","before":"ask","after":"deny","events":3,"rule":{"file":"[^"]*/edit","line":1,"text":"deny read [^"]*"},"examples":\['
# A project that is gone since: its name is what rules are about.
mv "$here/project" "$here/elsewhere" && cd "$here" || exit 99
"$interpose" replay "$first" -p "$here/extra" >"$here/replay" ||
	fail "replay without the project: status $?"
has "$here/replay" '^0 of [0-9]* recorded events'
"$interpose" propose "$first" -p "$here/extra" >"$here/proposed" ||
	fail "propose without the project: status $?"
has "$here/proposed" '^allow '
"$interpose" replay "$first" -C "$here/project" >/dev/null 2>"$here/err" &&
	fail "a project of -C that is not there is taken"
has "$here/err" 'project: No such file or directory'
mv "$here/elsewhere" "$here/project" && cd "$here/project" || exit 99
"$interpose" policy diff -C "$here/project" "$here/policy" \
	"$here/edit" >"$here/diff" ||
	fail "diff: status $?"
has "$here/diff" '^- allow read .*store'
has "$here/diff" '^+ deny read .*docs'
has "$here/diff" 'docs/example: ask -> deny'
has "$here/diff" 'recorded events would be decided otherwise'
"$interpose" policy diff --json -C "$here/project" "$here/policy" \
	"$here/edit" >"$here/diff" ||
	fail "diff --json: status $?"
json_lines "$here/diff" 3 99
has "$here/diff" '^{"in":"old","rule":{.*"text":"allow read .*store.*"examples":\['
has "$here/diff" '^{"in":"new","rule":{.*"text":"deny read [^"]*docs[^"]*"},"examples":\[{"action":"read","subject":"[^"]*docs/example","before":"ask","after":"deny"}\]}$'
has "$here/diff" '^{"changed":[1-9][0-9]*,"of":[1-9][0-9]*}$'
"$interpose" policy diff --json -C "$here/project" "$here/edit" \
	"$here/edit" >"$here/diff" || fail "diff --json of the same: status $?"
has "$here/diff" '^{"changed":0,"of":[1-9][0-9]*}$'
json_lines "$here/diff" 1 1

# -- variables in a dry run -----------------------------------------------------
cat >"$here/variables" <<-END
	hide env VALUE_HIDDEN
	fake env VALUE_FAKED
	allow env VALUE_HELD
	allow env VALUE_ALLOWED
	secret held from env VALUE_HELD to api.example.com
END
VALUE_HIDDEN=hidden-0123 VALUE_FAKED=faked-0123 VALUE_HELD=held-0123 VALUE_ALLOWED=ok \
	run -n -p "$here/variables" \
	sh -c 'echo "$VALUE_HIDDEN $VALUE_FAKED $VALUE_HELD"' ||
	fail "a dry run with variables: status $?"
has "$here/out" '^hidden-0123 faked-0123 held-0123$'
has "$here/err" 'REALLY SEEN.* hide .* VALUE_HIDDEN .*/variables:1'
has "$here/err" 'REALLY SEEN.* fake .* VALUE_FAKED .*/variables:2'
has "$here/err" 'REALLY SEEN.* secret .*VALUE_HELD .*/variables:5'
hasnt "$here/err" 'REALLY.*VALUE_ALLOWED'
exit $failed
