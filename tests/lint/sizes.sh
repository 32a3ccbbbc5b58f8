#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files of at most 500 lines, headers 120 (but those of tests, which hold code), functions 60,
# and 5 parameters besides the error. "/* long: why */" before a function, or in a header of one
# table, excuses its length, and "/* wide: why */" before a function its parameters. A function
# starts at its "{" in column 0 and ends at its "}".
set -eu
cd "$(dirname "$0")/../.."

# shellcheck disable=SC2016 # awk's own variables
git ls-files -co --exclude-standard '*.c' '*.h' | xargs awk '
function complain(line, text) {
	print FILENAME ":" line ": " text
	bad = 1
}
function parameters(text,    i, c, depth, n) {
	sub(/^[^(]*\(/, "", text)
	sub(/,[[:space:]]*struct err \*e\)/, ")", text)
	n = text !~ /^[[:space:]]*(void)?\)/
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		depth += (c == "(") - (c == ")")
		if (depth < 0)
			break
		n += c == "," && depth == 0
	}
	return n
}
function file_ends() {
	if (file != "" && lines > limit && !(table && limit == 120))
		{ print file ": " lines " lines, at most " limit; bad = 1 }
}
FNR == 1 {
	file_ends()
	file = FILENAME
	limit = FILENAME ~ /\.h$/ && FILENAME !~ /^tests\// ? 120 : 500
	head = reason = wide = table = ""
	inside = 0
}
{ lines = FNR }
/(\/| )\* long: ./ { reason = table = 1 }
/(\/| )\* wide: ./ { wide = 1 }
/^{/ {
	inside = FNR
	if (head ~ /\)[[:space:]]*$/ && parameters(head) > 5 && !wide)
		complain(start, parameters(head) " parameters, at most 5")
}
/^}/ {
	if (inside && head ~ /\)[[:space:]]*$/) {
		functions++
		over45 += FNR - start > 44
		if (FNR - start >= 60 && !reason)
			complain(start, "a function of " FNR - start + 1 " lines, at most 60")
	}
	inside = 0
	head = reason = wide = ""
}
!inside && /^[a-z].*\(/ && !/;[[:space:]]*$/ { head = $0; start = FNR; next }
!inside && /^[[:space:]]+[^[:space:]]/ { head = head " " $0 }
END {
	file_ends()
	if (over45 * 20 > functions)
		{ print over45 " of " functions " functions are over 45 lines: more than 5 %"; bad = 1 }
	exit bad
}
'
