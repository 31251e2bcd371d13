#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the web page's files into one C source: embed.py OUT.c FILE..."""
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def main() -> None:
    out, names = sys.argv[1], sys.argv[2:]
    with open(out, "w", encoding="ascii") as f:
        f.write('#include "serve/assets.h"\n')
        for i, name in enumerate(names):
            with open(name, "rb") as src:
                data = src.read()
            f.write(f"static const unsigned char a{i}[] = {{\n")
            for at in range(0, len(data), 24):
                f.write(",".join(str(b) for b in data[at:at + 24]) + ",\n")
            f.write("0};\n")
        f.write("const struct ht_asset ht_assets[] = {\n")
        for i, name in enumerate(names):
            base = os.path.basename(name)
            kind = TYPES[os.path.splitext(base)[1]]
            f.write(f'{{"{base}", "{kind}", (const char *)a{i}, sizeof a{i} - 1}},\n')
        f.write("{0}};\n")


main()
