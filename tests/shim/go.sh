#!/bin/sh
# Programs in Go, of each kind that its linker makes, against the same bare: what
# they print, and their status; that their file calls do not come to the
# supervisor; and that what is refused stays so.
#   GO_VERSIONS='go1.20.14 …' tests/shim/go.sh   also programs of those toolchains
set -u
source=$(cd "$(dirname "$0")" && pwd)
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: on x86-64 only"; exit 77; }
command -v go >/dev/null || { echo "SKIP: there is no go"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/go.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
GOTOOLCHAIN=local GOFLAGS='' GOCACHE=${GOCACHE:-$(go env GOCACHE)} GOPATH=$(go env GOPATH) GOPROXY=off
GOENV=off GOTELEMETRY=off
export GOTOOLCHAIN GOFLAGS GOCACHE GOPATH GOPROXY GOENV GOTELEMETRY
. "$source/held.sh"
has_gate ||
	{ echo "SKIP: no fence, or no library for programs: $(cat "$here/why")"; exit 77; }

make() { # NAME OPTION…: makes the program, or says that it cannot
	kind=$1
	shift
	go build -o "$kind" "$@" "$source/calls.go" >"$here/why" 2>&1 && "./$kind" calls d >/dev/null 2>&1 ||
		{ echo "no program: $kind: $(head -n 1 "$here/why")"; return 1; }
}

# -- each kind of program ---------------------------------------------------------
fresh
CGO_ENABLED=0
export CGO_ENABLED
make static || { echo "SKIP: go builds no program here"; exit 77; }
kinds="static $(make stripped -ldflags='-s -w -buildid=' -trimpath >&2 && echo stripped)"
kinds="$kinds $(make pie -buildmode=pie >&2 && echo pie)"
for version in ${GO_VERSIONS:-}; do
	kinds="$kinds $(GOTOOLCHAIN=$version make "$version" >&2 && echo "$version")"
done
CGO_ENABLED=1
kinds="$kinds $(make cgo -ldflags=-linkmode=external >&2 && echo cgo)"
kinds="$kinds $(make static-cgo -ldflags='-linkmode=external -extldflags=-static' >&2 && echo static-cgo)"
kinds="$kinds $(make static-pie -buildmode=pie -ldflags='-linkmode=external -extldflags=-static-pie' >&2 && echo static-pie)"
kinds="$kinds $(make race -race >&2 && echo race)"
for kind in $kinds; do
	for what in calls raw depths programs signals threads by-prctl by-seccomp; do
		both "$kind: $what" "./$kind" "$what" d
	done
	few=$(count "./$kind" many d)
	[ "${few:-9999}" -lt 100 ] ||
		{ echo "FAILED: $kind: of 1,000 calls $few came"; failed=1; }
done
for what in walk programs signals profile depths waiting threads; do
	for threads in 1 8; do
		both "$what, GOMAXPROCS=$threads" env GOMAXPROCS=$threads ./static "$what" d
	done
done

# -- what is refused, or is not there -----------------------------------------------
for kind in $kinds; do
	secrets "$kind" 2 "./$kind" secret
done

# -- where it cannot be put in ------------------------------------------------------
# A program that lies where the shim would.
CGO_ENABLED=0 make low -ldflags=-T=0x141000 && both "a program that lies low" ./low calls d
both "little memory" sh -c 'ulimit -v 800000; ./static calls d'
both "headers that lie" ./static mutants d
both "another personality" setarch -R ./static calls d

# -- the tools themselves -----------------------------------------------------------
mkdir -p module/inner
cat >module/go.mod <<'END'
module example.com/module

go 1.20
END
cat >module/inner/inner.go <<'END'
package inner

import "strings"

func Text() string { return strings.Repeat("ab", 2) }
END
cat >module/inner/inner_test.go <<'END'
package inner

import "testing"

func TestText(t *testing.T) {
	if Text() != "abab" {
		t.Fatal(Text())
	}
}
END
cat >module/main.go <<'END'
package main

import (
	"fmt"

	"example.com/module/inner"
)

func main() { fmt.Println(inner.Text()) }
END
both "go build" sh -c 'cd module && go build -buildvcs=false -o m . && ./m && sha256sum m && rm m'
both "go test" sh -c 'cd module && go test -count=1 ./inner | cut -f 1,2'
both "go vet" sh -c 'cd module && go vet ./...'
few=$(count sh -c 'cd module && go build -buildvcs=false -o m .')
all=$(fence=off count sh -c 'cd module && go build -buildvcs=false -o m .')
[ "${few:-9999}" -lt $((all / 4)) ] ||
	{ echo "FAILED: of $all calls of go build $few came to the supervisor"; failed=1; }
exit $failed
