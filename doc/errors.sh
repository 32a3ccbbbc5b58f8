#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints doc/errors.md, made from the one list in common/errors.h.
# `sh doc/errors.sh | diff doc/errors.md -` tells whether the file is current.
set -eu
cd "$(dirname "$0")/.."

cat <<'HEAD'
# Errors

Every refusal and failure has a code from one list, `common/errors.h`, from which this page is made
by `doc/errors.sh`. Codes and exit codes are a contract: they only grow.

The broker answers with `application/problem+json` (RFC 7807):

| Member | What it is |
|---|---|
| `type` | `urn:vtpm-broker:error:` and the code |
| `title` | the meaning, as below |
| `status` | the HTTP status, as below |
| `code` | the code, as below |
| `detail` | one sentence about this very case |
| `field` | the field of the request that is wrong, or null |
| `request_id` | the same as the header `X-Request-Id`; the broker's log has it too |
| `next` | what to do about it, as below; may be empty |

`vtpmctl` and `vtpm-client` print title, detail and next step on standard error and end with the exit
code. With `--json`, `vtpmctl` prints there one JSON object instead, with `code`, `title`, `detail`,
`field`, `next` and `exit_code`.

| Exit code | What it says |
|---|---|
| 0 | done |
| 1 | something failed inside, or is not available now |
| 2 | the command's words or the request are wrong, or the configuration is |
| 3 | not authenticated |
| 4 | not allowed |
| 5 | not found |
| 6 | in conflict with what there is |
| 7 | a policy refuses |
| 8 | the broker (or the host's agent) cannot be reached, or is not the one we know |
HEAD

awk -F'"' '
/^\t\/\* .* \*\/ \\$/ {
	text = $0
	sub(/^\t\/\* /, "", text)
	sub(/ \*\/ \\$/, "", text)
	printf "\n## %s%s\n\n", toupper(substr(text, 1, 1)), substr(text, 2)
	print "| Code | Status | Exit | Meaning | Next step |\n|---|---|---|---|---|"
}
/^\tX\(/ {
	split($3, numbers, /, */)
	printf "| `%s` | %s | %s | %s | %s |\n", $2, numbers[2], numbers[3], $4, $6
}
' common/errors.h
