#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Only the files in secrets.txt may look inside a secret; a file that no longer does is taken off.
set -eu
cd "$(dirname "$0")/../.."

callers=$(git grep -lwE --untracked 'secret_view|secret_fill' -- '*.c' '*.h' ':!tests' | sort)
known=$(grep -v '^#' tests/lint/secrets.txt | sort)
if [ "$callers" != "$known" ]; then
	echo 'callers of secret_view and secret_fill are not those in tests/lint/secrets.txt:'
	tmp=$(mktemp)
	trap 'rm -f "$tmp"' EXIT
	printf '%s\n' "$known" >"$tmp"
	printf '%s\n' "$callers" | diff "$tmp" - | grep '^[<>]'
	exit 1
fi
