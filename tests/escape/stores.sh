#!/bin/sh
# Java's key stores are looked for in the home, too, and shown with the session's
# authority in them. One that is a link, which a program has made where it may
# write, shows nothing that the next session's programs may not read.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/stores.XXXXXX") || exit 99
here=$(cd "$here" && pwd -P)
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$HOME" "$here/run" "$here/state" "$here/project"
cd "$here/project" || exit 99
store=.jdks/some/lib/security/cacerts
mkdir -p "$HOME/.ssh" "$HOME/.jdks" "$HOME/java" || exit 99
echo TOPSECRET >"$HOME/.ssh/id_rsa"
echo "of no kind that is known" >"$HOME/java/cacerts"
failed=0

run() { # PROGRAM…
	timeout 60 "$interpose" -q -e "allow read,write $HOME/.jdks/** $HOME/.jdks $HOME/java/**" \
		-e "allow http GET localhost:1/**" "$@" </dev/null 2>/dev/null
}
expect() { # WHAT GOT WANTED
	[ "$2" = "$3" ] || { echo "FAILED: $1: got '$2', wanted '$3'"; failed=1; }
}

run sh -c 'mkdir -p "${2%/*}" && ln -s "$1" "$2"' sh "$HOME/.ssh/id_rsa" "$HOME/$store"
expect "the link is made" "$(cat "$HOME/$store")" TOPSECRET
expect "what it leads to" "$(run cat "$HOME/$store")" ""
expect "and the same by its name" "$(run cat "$HOME/.ssh/id_rsa")" ""
ln -sf "$HOME/java/cacerts" "$HOME/$store"
expect "a store elsewhere" "$(run cat "$HOME/$store")" "of no kind that is known"
exit $failed
