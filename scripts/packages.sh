#!/bin/sh
# SPDX-License-Identifier: MIT
#
# packages.sh - install what the build needs and is not there
#
# Looks at what a package gives, not at its name, so that nothing is installed where all is there
# already, from whatever source.  Needs root, or sudo without a password; else it says what to type.
set -eu

missing=

# need PACKAGE COMMAND...: PACKAGE is missing when COMMAND fails
need() {
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}

have() {
	command -v "$1"
}

have_lib() {
	pkg-config --exists "$1"
}

# links LIBRARY: a program can be linked with -lLIBRARY
links() {
	echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null "-l$1"
}

has_header() {
	echo "#include <$1>" | cc -E -x c - -o /dev/null
}

# A busybox that needs no dynamic linker: it is the program of `make run`.
has_static_busybox() {
	busybox=$(command -v busybox) && ! ldd "$busybox"
}

need gcc have cc
need binutils have objcopy
need libc6-dev has_header stdio.h
need pkg-config have pkg-config
need meson have meson
need ninja-build have ninja
need busybox-static has_static_busybox
need musl-tools have musl-gcc
if have cc >/dev/null && have pkg-config >/dev/null; then
	need liburcu-dev have_lib liburcu-memb
	need libcmocka-dev have_lib cmocka
	need libjansson-dev have_lib jansson
	need libbsd-dev has_header bsd/sys/tree.h
	need libboost-context-dev links boost_context
	need libxxhash-dev has_header xxhash.h
	need libdw-dev have_lib libdw
else
	missing="$missing liburcu-dev libcmocka-dev libjansson-dev libbsd-dev libboost-context-dev
		libxxhash-dev libdw-dev"
fi

[ -n "$missing" ] || exit 0
# One line, single blanks.
missing=$(echo $missing)

if ! have apt-get >/dev/null; then
	echo "The build needs what these Debian packages hold: $missing" >&2
	echo "There is no apt-get here; install their like, then try again." >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	root=
elif sudo -n true 2>/dev/null; then
	root='sudo -n'
else
	echo "The build needs packages that are not installed. As root:" >&2
	echo "    apt-get install --no-install-recommends $missing" >&2
	exit 1
fi

echo "Installing what the build needs: $missing"
export DEBIAN_FRONTEND=noninteractive
install() {
	$root apt-get install -y -qq --no-install-recommends $missing </dev/null
}
# The lists of a fresh system are empty or old.
install >/dev/null 2>&1 || { $root apt-get update -qq && install; } || {
	echo "These packages could not be installed: $missing" >&2
	exit 1
}
