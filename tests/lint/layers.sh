#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who includes whom: our rooms by layers.txt, third-party headers by headers.txt.
set -eu
cd "$(dirname "$0")/../.."

git ls-files -co --exclude-standard '*.c' '*.h' | xargs grep -nE '^#[[:space:]]*include' |
	awk -v layers=tests/lint/layers.txt -v headers=tests/lint/headers.txt '
function table(file, names, grants,    line, n) {
	while ((getline line < file) > 0) {
		if (line ~ /^#/ || line !~ /:/)
			continue
		names[++n] = substr(line, 1, index(line, ":") - 1)
		grants[n] = substr(line, index(line, ":") + 1)
	}
	return n
}
# Is path the folder (or file) room, or inside it?
function inside(path, room) {
	return path == room || index(path, room "/") == 1
}
function granted(path, list,    words, i, n) {
	n = split(list, words, " ")
	for (i = 1; i <= n; i++)
		if (words[i] == "*" || inside(path, words[i]))
			return 1
	return 0
}
function complain(text) {
	print where ": " text
	bad = 1
}
function ours(path, header,    i, best) {
	for (i = 1; i <= rooms; i++)
		if (inside(path, room[i]) && (!best || length(room[i]) > length(room[best])))
			best = i
	if (!best)
		complain("this room is not in layers.txt")
	else if (!inside(header, room[best]) && !granted(header, may[best]))
		complain(room[best] " may not include " header)
}
function theirs(path, header,    i) {
	for (i = 1; i <= foreign; i++)
		if (index(header, prefix[i]) == 1 && !granted(path, only[i]))
			complain(header " belongs in:" only[i])
}
BEGIN {
	rooms = table(layers, room, may)
	foreign = table(headers, prefix, only)
}
{
	split($0, part, ":")
	path = part[1]
	where = path ":" part[2]
	if (match($0, /"[^"]+"/)) {
		header = substr($0, RSTART + 1, RLENGTH - 2)
		if (index(header, "/") == 0)
			complain("include from the root: " header)
		else
			ours(path, header)
	} else if (match($0, /<[^>]+>/))
		theirs(path, substr($0, RSTART + 1, RLENGTH - 2))
}
END { exit bad }
'
