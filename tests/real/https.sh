# curl, git, python, node, npm, pip, cargo, go and java to hosts whose requests
# are looked into: bare and supervised agree, whatever certificates they use.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
exec "$here/../net/enter" python3 -B "$here/https.py" "$INTERPOSE" "$@"
