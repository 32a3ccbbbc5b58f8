#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the migrations NNNN.sql as C arrays: embed.py OUT.c 0001.sql 0002.sql ..."""
import os
import re
import sys


def main(out, paths):
    rows = []
    with open(out, "w", encoding="ascii") as c:
        c.write('#include "broker/store/migrate.h"\n\n')
        for want, path in enumerate(sorted(paths), 1):
            number = int(re.fullmatch(r"(\d{4})\.sql", os.path.basename(path)).group(1))
            if number != want:
                sys.exit(f"{path}: migrations count up from 0001 without a gap")
            with open(path, "rb") as sql:
                data = sql.read() + b"\0"
            c.write(f"static const char script_{number}[] = {{\n")
            for i in range(0, len(data), 16):
                c.write("\t" + " ".join(f"{b}," for b in data[i:i + 16]) + "\n")
            c.write("};\n\n")
            rows.append(f"\tscript_{number},\n")
        c.write("const char *const migrations[] = {\n" + "".join(rows) + "};\n")
        c.write(f"const int64_t migrations_count = {len(rows)};\n")


main(sys.argv[1], sys.argv[2:])
