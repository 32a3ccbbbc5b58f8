#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The documents against the programs: man pages against --help, HACKING.md against the packages
# of ./dev, doc/errors.md against the list of errors.
set -eu
cd "$(dirname "$0")/../.."
build=$1
bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

complain() {
	printf '%s\n' "$*"
	bad=1
}

# Long options as a man page or a help text names them.
options() {
	sed -e 's/\\-/-/g' -e 's/\.Fl \(Fl \)\?-\?/--/g' -e 's/ Fl \(Fl \)\?-\?/ --/g' |
		grep -oE '(^|[^a-zA-Z0-9-])--[a-z][a-z0-9-]+' | grep -oE '\-\-.*' | sort -u
}

help_of() {
	program=$1
	"$program" --help
	"$program" --help | sed -n 's/^  \([a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}\).*/\1/p' | sort -u |
		while read -r command; do
			# shellcheck disable=SC2086 # one or two words
			"$program" $command --help 2>/dev/null </dev/null || true
		done
}

for row in broker/daemon/vtpm-brokerd:doc/vtpm-brokerd.8 client/compute/vtpm-client:doc/vtpm-client.8 \
	client/ctl/vtpmctl:doc/vtpmctl.1; do
	program=$build/${row%%:*}
	page=${row#*:}
	help_of "$program" | options >"$tmp/known"
	options <"$page" >"$tmp/told"
	[ -s "$tmp/known" ] || complain "$program --help names no option"
	for option in $(comm -23 "$tmp/known" "$tmp/told"); do
		complain "$page does not tell of $option"
	done
	for option in $(comm -13 "$tmp/known" "$tmp/told"); do
		complain "${program##*/} does not know $option, of which $page tells"
	done
done

for package in $(./dev packages); do
	case $package in gcc | libc6-dev | meson | ninja-build | pkgconf | python3 | ca-certificates | openssl | llvm | procps) continue ;; esac
	grep -qF "$package" HACKING.md || complain "HACKING.md does not say what $package is for"
done
sh doc/errors.sh | cmp -s doc/errors.md - || complain "doc/errors.md is not what doc/errors.sh prints"
exit "$bad"
