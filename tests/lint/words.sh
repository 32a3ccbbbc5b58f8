#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Words that must not appear: calls that are too easy to get wrong, and things left open.
set -eu
cd "$(dirname "$0")/../.."
bad=0

complain() {
	if [ -n "$2" ]; then
		printf '%s\n' "$2" | sed "s|\$|   <- $1|"
		bad=1
	fi
}

found() {
	git grep -nIE --untracked "$@" || true
}

while read -r word why; do
	case $word in '' | '#'*) continue ;; esac
	complain "$why" "$(found "$word" -- '*.c' '*.h' ':!tests')"
done <tests/lint/words.txt

complain 'realloc leaves a copy of a secret behind' \
	"$(found '\brealloc(array)?\(' -- common/secret.c crypto broker/vault)"
complain 'left open' "$(found '\b(TODO|FIXME|XXX|HACK)\b' -- '*.c' '*.h' '*.py' '*.sh' '*.sql' dev |
	grep -v '^tests/lint/words.sh:' || true)"
complain 'memset does not wipe: explicit_bzero or OPENSSL_cleanse' \
	"$(found '\bmemset\(' -- crypto broker/vault)"
complain 'no SPDX line' "$(git ls-files -co --exclude-standard '*.c' '*.h' '*.py' '*.sh' \
	'*meson.build' dev .ci/run | while read -r f; do
	[ ! -s "$f" ] || head -n 3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$f"
done)"
exit "$bad"
