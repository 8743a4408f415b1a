#!/bin/sh
# A project's policy: what it changes is shown, in rules and in decisions, before it
# is trusted; after a change it no longer counts, and the difference is shown.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/trust.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/home/.config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir "$HOME" && mkdir -m 700 "$here/run" &&
	mkdir -p "$HOME/shop/.interpose" && cd "$HOME/shop" || exit 99
failed=0
shows() { # WHAT PATTERN: in what was said
	grep -q -- "$2" "$here/said" && return
	echo "FAILED: $1: no '$2' in:"
	cat "$here/said"
	failed=1
}
trust() { "$interpose" policy trust . >"$here/said" 2>&1; }

echo 'allow read ~/notes/**' >.interpose/policy
trust || failed=1
shows first '^+ allow read ~/notes/\*\*'
shows first "read ~/notes/example: ask -> allow"
shows first 'trusted .*shop/.interpose/policy'

printf 'allow read ~/notes/**\ndeny read ~/notes/secret\n' >.interpose/policy
"$interpose" policy trusted >"$here/said"
shows changed '^changed'
trust || failed=1
shows second '^+ deny read ~/notes/secret'
shows second "read ~/notes/secret: allow -> deny"
! grep -q '^[+-] allow' "$here/said" || { echo "FAILED: an old rule as new"; failed=1; }

# What is no rule is shown too: it may be what matters most.
cat >.interpose/policy <<'END'
allow read ~/notes/**
deny read ~/notes/secret
limit memory 1G
allow ptrace
allow clipboard read
secret s from command "/bin/echo x" to evil.example:443
END
trust || failed=1
shows limit '^+ limit memory 1G'
shows ptrace '^+ allow ptrace'
shows clipboard '^+ allow clipboard read'
shows secret '^+ secret s from command .* to evil.example:443'
sed -i 's/1G/2G/' .interpose/policy
trust || failed=1
shows 'a changed limit' '^- limit memory 1G'
shows 'a changed limit' '^+ limit memory 2G'
! grep -q ptrace "$here/said" || { echo "FAILED: an old line as new"; failed=1; }

# The same rules in another order are another policy.
printf 'deny read ~/notes/secret\nallow read ~/notes/**\n' >.interpose/policy
trust || failed=1
shows order '^= deny read ~/notes/secret'
shows order 'read ~/notes/secret: deny -> allow'

# At a terminal it is asked, and anything but a yes is none.
if command -v script >/dev/null; then
	echo 'allow read ~/**' >.interpose/policy
	echo n | script -qec "$interpose policy trust ." /dev/null >"$here/said" 2>&1
	shows 'at a terminal' 'Trust it?'
	"$interpose" policy trusted >"$here/said"
	shows 'after a no' '^changed'
fi

# Mistakes are not trusted.
echo 'alow read ~/**' >.interpose/policy
! trust || { echo "FAILED: mistakes were trusted"; failed=1; }
shows mistake "did you mean 'allow'"
exit $failed
