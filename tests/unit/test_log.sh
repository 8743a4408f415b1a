#!/bin/sh
# interpose log: what it prints, and what it finds in logs that were changed.
set -u

tool=${LOG_TOOL:-./log_tool}
tool=$(cd "$(dirname "$tool")" && pwd)/$(basename "$tool")
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
mkdir -m 700 "$dir/run" "$dir/state"
export XDG_RUNTIME_DIR="$dir/run" XDG_STATE_HOME="$dir/state" TZ=UTC
unset NO_COLOR
failures=0

# expect NAME STATUS TEXT COMMAND...: the status, and TEXT in the output.
expect()
{
	name=$1 status=$2 text=$3
	shift 3
	output=$("$@" 2>&1)
	got=$?
	if [ $got -ne "$status" ]; then
		echo "FAIL $name: status $got, not $status: $output"
		failures=$((failures + 1))
	elif ! printf '%s\n' "$output" | grep -qF -- "$text"; then
		echo "FAIL $name: no \`$text' in: $output"
		failures=$((failures + 1))
	fi
}

# count NAME NUMBER COMMAND...: lines of output.
count()
{
	name=$1 number=$2
	shift 2
	got=$("$@" | wc -l)
	if [ "$got" -ne "$number" ]; then
		echo "FAIL $name: $got lines, not $number"
		failures=$((failures + 1))
	fi
}

expect no_session 2 'there is no session yet' "$tool" log
expect empty_list 0 '' "$tool" log --list
id=$("$tool" make)
log=$dir/state/interpose/sessions/$id/events.jsonl

# What is printed.
count all_events 7 "$tool" log
expect denied_line 0 \
	'deny   read    /home/u/\x1b[31mx\x0a\xff  (cat[11], by policy, rule base:12, got EACCES)' \
	"$tool" log
expect exec_line 0 "allow  exec    /usr/bin/git commit -m 'it'\\''s a b\\x1b'  (git[10])" \
	"$tool" log
expect deceiving_names 0 \
	"fake   read    '/home/u/.aws/credentials  (git[10])'  ('git, rule base:1)'[12], got stand-in aws)" \
	"$tool" log
expect ask_line 0 'allow  connect example.org:443  (by person, 1.234 s)' "$tool" log
expect exit_line 0 'exit             (pid 10, 2.500 s, 0.040 s of CPU, status 3)' "$tool" log
if "$tool" log | LC_ALL=C grep -q "$(printf '\033')"; then
	echo "FAIL control_characters: escape in the output"
	failures=$((failures + 1))
fi
count json_lines 7 "$tool" log --json
if ! "$tool" log --json | cmp -s - "$log"; then
	echo "FAIL json_is_the_file: differs"
	failures=$((failures + 1))
fi

# Filters.
count denied 1 "$tool" log --denied
count asked 1 "$tool" log --asked
count faked 1 "$tool" log --faked
count exec 1 "$tool" log --exec
count net 1 "$tool" log --net
count two_kinds 2 "$tool" log --denied --faked
count since_ago 7 "$tool" log --since 1h
count since_day 7 "$tool" log --since 2020-01-31
count since_future 0 "$tool" log --since 2999-01-01T00:00:00Z
expect since_wrong 2 'does not understand' "$tool" log --since yesterday
expect option_wrong 2 'log --help' "$tool" log --nonsense
expect two_sessions 2 'no such session' "$tool" log a b
expect follow_several 2 'for one SESSION' "$tool" log --all --follow
expect help 0 'Usage: interpose log' "$tool" log --help

# Finding sessions.
expect by_id 0 EACCES "$tool" log "$id"
expect by_start 0 EACCES "$tool" log "${id%?}"
expect by_path 0 EACCES "$tool" log "${log%/*}"
expect unknown 2 'no such session' "$tool" log 1999
expect list 0 'ended         0         7  /home/u/pro\x1bject' "$tool" log --list
expect list_json 0 '"state":"ended"' "$tool" log --list --json

# More filters, and the same thing again.
count program 1 "$tool" log --program cat
count program_path 1 "$tool" log --program /usr/bin/git
count no_program 0 "$tool" log --program ca
count match 1 "$tool" log --match .aws/cred
count no_match 0 "$tool" log --denied --match .aws/cred
again=$("$tool" make again)
expect folded 0 'got EACCES) 40 times' "$tool" log --denied "$again"
count folded_lines 1 "$tool" log --denied "$again"
count each 40 "$tool" log --denied --each "$again"
count json_is_not_folded 40 "$tool" log --denied --json "$again"

# Many sessions.
expect several 0 "== $id" "$tool" log --denied "$again" "$id"
count all_denied 4 "$tool" log --all --denied
count all_json 41 "$tool" log --all --denied --json
expect all_say_which 0 "{\"session\":\"$id\",\"seq\":3," "$tool" log --all --denied --json
expect no_project 2 '' "$tool" log --project /
rm -r "${log%/*/*}/${again:?}"

# The chain.
expect verify 0 "$id: 7 events, unbroken" "$tool" log verify
expect verify_id 0 "unbroken" "$tool" log verify "$id"
# As interpose-audit(5) says, with nothing but sed and sha256sum.
last=0000000000000000000000000000000000000000000000000000000000000000
for n in 1 2 3 4 5 6 7; do
	hash=$(sed -n ${n}p "$log" | sed 's/,"hash":"[0-9a-f]*"}$/}/' |
		tr -d '\n' | sha256sum | cut -d' ' -f1)
	expect "hash_by_hand_$n" 0 "\"prev\":\"$last\",\"hash\":\"$hash\"}" \
		sed -n ${n}p "$log"
	last=$hash
done
expect verify_prints_the_last_hash 0 "$last" "$tool" log verify
cp "$log" "$dir/whole"
# tamper NAME TEXT COMMAND...: the command makes a changed log of the whole one.
tamper()
{
	name=$1 text=$2
	shift 2
	"$@" <"$dir/whole" >"$log"
	expect "$name" 1 "$id: broken: line $text" "$tool" log verify
}
tamper changed '3 was changed: its hash' sed '3s/cat/bat/'
tamper removed '3 has the number 4: 1 before it are missing' sed 3d
tamper swapped '3 has the number 4' sed '3{h;d};4G'
tamper truncated '7 is missing: session.json counts 7' sed '$d'
tamper torn '7 is missing' head -c -10
tamper emptied '1 is missing' true
tamper added '8 is out of order: it has the number 7' sed '$p'
expect changed_is_shown 1 'line 8 of the log is out of order' "$tool" log
rm "$log"
expect no_log 1 'cannot read the log: No such file' "$tool" log verify
ln -s "$dir/whole" "$log"
expect link_is_not_followed 1 'cannot read the log' "$tool" log verify
rm "$log"
cp "$dir/whole" "$log"

# A session that was killed: no end in session.json, nor in the log.
mkfifo "$dir/in" "$dir/id"
"$tool" make live <"$dir/in" >"$dir/id" &
pid=$!
exec 3>"$dir/in"
read -r killed <"$dir/id"
expect running 0 'running' "$tool" log --list
expect verify_running 0 'still running' "$tool" log verify "$killed"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
exec 3>&-
expect killed 0 'killed' "$tool" log --list
expect verify_killed 1 'line 7 is missing: there is no `end' "$tool" log verify "$killed"
printf '{"seq":7' >>"$dir/state/interpose/sessions/$killed/events.jsonl"
expect verify_torn 1 'line 7 is cut short' "$tool" log verify "$killed"
count torn_is_not_shown 6 "$tool" log "$killed"

# Following: ends with the session, and has all of it.
"$tool" make live <"$dir/in" >"$dir/id" &
pid=$!
exec 3>"$dir/in"
read -r live <"$dir/id"
"$tool" log --follow --json "$live" >"$dir/followed" 3>&- &
follower=$!
exec 3>&-
wait "$pid"
wait "$follower"
if ! cmp -s "$dir/followed" "$dir/state/interpose/sessions/$live/events.jsonl"; then
	echo "FAIL follow: not all of the log"
	failures=$((failures + 1))
fi
expect newest 0 "$live: 8 events" "$tool" log verify

# Retention.
expect prune_wants 2 'wants --older-than' "$tool" log prune
expect prune_unit 2 'does not understand' "$tool" log prune --older-than soon
count prune_nothing 0 "$tool" log prune --older-than 1d --size 1G
count prune_dry 2 "$tool" log prune --keep 1 --dry-run
count prune_kept 3 "$tool" log --list
"$tool" make live <"$dir/in" >"$dir/id" &
pid=$!
exec 3>"$dir/in"
read -r running <"$dir/id"
count prune 3 "$tool" log prune --keep 0
expect prune_not_running 0 "$running" "$tool" log --list
count prune_left 1 "$tool" log --list
exec 3>&-
wait "$pid"
count prune_size 1 "$tool" log prune --size 0

if [ $failures -eq 0 ]; then
	echo "all passed"
	exit 0
fi
exit 1
