#!/bin/sh
# Compiles the kernel programs: sh native/compile.sh OBJECT
set -eu
cd "$(dirname "$0")/.."
exec clang -O2 -g -target bpf -D__TARGET_ARCH_x86 -Wall -Werror "-I/usr/include/$(uname -m)-linux-gnu" \
	-c native/bpf/lanner.bpf.c -o "$1"
