# Builds in other languages: static programs, direct system calls, a signal
# every ten milliseconds (Go), generated makefiles (cmake).
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
PATH=$PATH:/usr/local/go/bin # where Go's own archive puts it
# A toolchain of rustup lies in the home of whoever runs the tests.
if rustc=$(PATH=$callers_path rustc --print sysroot 2>/dev/null) && [ -x "$rustc/bin/cargo" ]; then
	PATH=$PATH:$rustc/bin
	extra_rules="allow read,exec $rustc/**"
fi
have_any=
for tool in cmake go cargo; do
	command -v $tool >/dev/null && have_any=1
done
[ "$have_any" ] || { echo "no cmake, no go and no cargo here"; exit 77; }

both '
set -e
runs() { command -v "$1" >/dev/null && "$@" >/dev/null 2>&1; }
if runs cmake --version; then
	mkdir c && printf "cmake_minimum_required(VERSION 3.10)\nproject(x C)\nadd_executable(x x.c)\n" >c/CMakeLists.txt
	printf "#include <stdio.h>\nint main(void) { puts(\"from cmake\"); }\n" >c/x.c
	cmake -S c -B c/build >/dev/null && cmake --build c/build >/dev/null && c/build/x
	rm -r c
fi
if runs cargo --version; then
	export CARGO_HOME=$PWD/cargo-home
	cargo new -q --vcs none --lib r 2>/dev/null && mkdir r/src/bin && echo "fn main() { println!(\"from cargo: {}\", r::add(40, 2)); }" >r/src/bin/m.rs
	(cd r && cargo build -q --offline && target/debug/m && cargo test -q --offline 2>&1 | grep -o "test result: ok. 1 passed")
	rm -rf r cargo-home
fi
if runs go version; then
	mkdir g && cd g && printf "module x\n" >go.mod
	printf "package main\nimport (\"fmt\"; \"os\"; \"os/exec\"; \"sync\")\nfunc main() {\n\tvar w sync.WaitGroup\n\tfor i := 0; i < 20; i++ { w.Add(1); go func() { defer w.Done(); if exec.Command(\"true\").Run() != nil { os.Exit(1) } }() }\n\tw.Wait()\n\tb, _ := os.ReadFile(\"go.mod\")\n\tfmt.Print(\"from go: \", string(b))\n}\n" >main.go
	# A repository of its own, whose state go asks git for.
	if runs git version; then
		git init -q . && git add . && git -c user.name=a -c user.email=a@example.com commit -qm x
	fi
	GOFLAGS=-mod=mod GOCACHE=$PWD/cache GOPATH=$PWD/path CGO_ENABLED=0 GOTELEMETRY=off go build -o x . && ./x
	# Its telemetry counts what no two runs have in common.
	cd .. && chmod -R u+w g && rm -rf g "$HOME/.config"
fi
'
