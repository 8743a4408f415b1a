# psql to a PostgreSQL of our own, in the clear and with TLS, which libpq begins
# on the port of the plain protocol: bare and supervised agree. A secret cannot be
# put in there, and that is said.
set -u
if [ -z "${WORLD:-}" ]; then
	src=$(CDPATH='' cd -- "$(dirname "$0")/.." && pwd -P)
	for tool in psql openssl setpriv; do
		command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
	done
	[ "$(id -u)" -eq 0 ] || { echo "SKIP: a server of another user takes root"; exit 77; }
	exec "$src/net/enter" sh "$src/real/psql.sh"
fi
bin=$(find /usr/lib/postgresql/*/bin /usr/libexec/postgresql* -name initdb 2>/dev/null | sort | tail -n 1)
[ -x "$bin" ] || { echo "SKIP: no initdb"; exit 77; }
# initdb wants a user with a name.
user=$(id -u nobody) || { echo "SKIP: no nobody"; exit 77; }
bin=${bin%/initdb} failed=0 server=''
HOME=$WORLD/home XDG_STATE_HOME=$WORLD/home/state XDG_RUNTIME_DIR=$WORLD/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -p "$HOME/p" "$WORLD/base" && mkdir -m 700 "$XDG_RUNTIME_DIR" || exit 99
as_user() { setpriv --reuid="$user" --regid="$user" --clear-groups "$@"; }
cp "$WORLD/cert.pem" "$WORLD/key.pem" "$WORLD/base" && chown -R "$user:$user" "$WORLD/base" && chmod 600 "$WORLD/base/key.pem"
cd "$WORLD/base" || exit 99
echo secret-of-the-base >"$WORLD/base/password"
as_user "$bin/initdb" -D "$WORLD/base/data" -U me -A scram-sha-256 \
	--pwfile="$WORLD/base/password" >"$WORLD/out" 2>&1 || {
	tail -n 3 "$WORLD/out"
	echo "SKIP: initdb"
	exit 77
}
echo 'host all all 0.0.0.0/0 scram-sha-256' >>"$WORLD/base/data/pg_hba.conf"
setpriv --reuid="$user" --regid="$user" --clear-groups "$bin/postgres" -D "$WORLD/base/data" -c ssl=on \
	-c ssl_cert_file="$WORLD/base/cert.pem" -c ssl_key_file="$WORLD/base/key.pem" \
	-c listen_addresses=203.0.113.10 -c unix_socket_directories="$WORLD/base" >"$WORLD/log" 2>&1 & server=$!
trap 'kill $server; wait $server' EXIT
PGPASSWORD=secret-of-the-base PGUSER=me PGDATABASE=postgres PGCONNECT_TIMEOUT=20
export PGPASSWORD PGUSER PGDATABASE PGCONNECT_TIMEOUT
until psql -h 203.0.113.10 -qAtc 'select 1' >/dev/null 2>&1; do
	kill -0 $server 2>/dev/null || { cat "$WORLD/log"; exit 99; }
done
cd "$HOME/p" || exit 99
cp "$WORLD/cert.pem" .

session() { # RULE PROGRAM…
	rule=$1
	shift
	timeout 60 "$INTERPOSE" -q --only --ask deny -e 'include base' -e 'allow exec,read /**' -e 'allow env PG* override' \
		-e "$rule" "$@" >"$WORLD/out" 2>&1
}
# shellcheck disable=SC2016 # psql's own
work='create temp table t as select g from generate_series(1, 20000) g; select count(*), sum(g) from t;
	select ssl from pg_stat_ssl where pid = pg_backend_pid(); \copy t to t.csv
'
for mode in disable prefer require verify-full; do
	what="host=good.test sslmode=$mode sslrootcert=cert.pem"
	want=$(psql "$what" -qAt <<Q
$work
Q
	)
	rm -f t.csv
	session 'allow connect good.test:5432' psql "$what" -qAt <<Q
$work
Q
	[ "$want" = "$(cat "$WORLD/out")" ] && [ "$(wc -l <t.csv)" -eq 20000 ] || {
		echo "FAILED: sslmode=$mode: bare $want, supervised:"
		cat "$WORLD/out"
		failed=1
	}
done
refused() { # NAME WORDS RULE HOST
	session "$3" psql "host=$4 sslmode=require" -qAtc 'select 1' && { echo "FAILED: $1: a connection"; failed=1; }
	grep -q "$2" "$WORLD/out" || { echo "FAILED: $1: no \`$2\` in:"; cat "$WORLD/out"; failed=1; }
}
refused 'another host' 'could not translate\|refused' 'allow connect good.test:5432' plain.test
refused 'another port' refused 'allow connect good.test:5433' good.test
# No request of HTTP: where a secret is to be put in, nothing else passes.
refused 'a secret' 'closed the connection\|reset\|SSL' "allow connect good.test:5432
secret base from env PGPASSWORD to good.test:5432" good.test
"$INTERPOSE" log 2>/dev/null | grep -q 'good.test:5432 was ended: it is neither TLS nor HTTP' ||
	{ echo "FAILED: the log does not say why"; failed=1; }
exit $failed
