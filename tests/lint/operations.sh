#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test that doc/operations.md names exists, and its last part lists what it says that no
# test shows. A name is `folder/file::test`, below tests/; in a file in C the test is a string.
set -eu
cd "$(dirname "$0")/../.."
doc=doc/operations.md
bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

complain() {
	printf '%s\n' "$*"
	bad=1
}

# Strings that are cut into pieces are one again.
strings() {
	tr '\n\t' '  ' <"$1" | sed 's/" *"//g'
}

has_test() {
	case $1 in
	*.py) grep -qE "^ *def ${2%%[[]*}\(" "$1" ;;
	*) strings "$1" | grep -qF "\"$2\"" ;;
	esac
}

# shellcheck disable=SC2016 # backquotes of the document
grep -oE '`[^`]*::[^`]*`' "$doc" | tr -d '`' | sort -u >"$tmp/names"
[ -s "$tmp/names" ] || complain "$doc names no test"
while IFS= read -r name; do
	file=tests/${name%%::*}
	if [ ! -f "$file" ]; then
		complain "$doc names $name, and there is no $file"
	elif ! has_test "$file" "${name#*::}"; then
		complain "$doc names $name, which $file does not have"
	fi
done <"$tmp/names"

# shellcheck disable=SC2016 # awk's own variables
awk -F '|' '
/^## / { op = "" }
/^### / { op = substr($0, 5) }
op != "" && /^\|.*no test/ {
	gsub(/ /, "", $2)
	if (!(op in without)) order[++n] = op
	without[op] = without[op] (without[op] == "" ? "" : ", ") $2
}
END { for (i = 1; i <= n; i++) print order[i] " (" without[order[i]] ")" }' "$doc" >"$tmp/without"
sed -n '/^## What no test shows/,$s/^- \*\*\(.*\)\*\* \(([a-z, ]*)\).*/\1 \2/p' "$doc" >"$tmp/listed"
diff "$tmp/without" "$tmp/listed" || complain "$doc: < has no test, > is listed as such"
exit "$bad"
