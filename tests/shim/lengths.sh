#!/bin/sh
# The shim's decoder against objdump's, on all of this machine's libc and loader.
set -u
command -v objdump >/dev/null || { echo "SKIP: no objdump"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: not x86-64"; exit 77; }
libraries=$(ldd "$PWD/tests/shim/lengths" | grep -o '/[^ ]*\(libc\.so\|ld-linux\)[^ ]*')
[ -n "$libraries" ] || { echo "SKIP: no glibc"; exit 77; }
failed=0
for library in $libraries; do
	objdump -dw --insn-width=15 "$library" | tests/shim/lengths || failed=1
done
exit $failed
