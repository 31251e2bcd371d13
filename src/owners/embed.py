#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the list of names into a C source: embed.py OUT.c wrappers.txt"""
import sys

with open(sys.argv[2], "rb") as src:
    data = src.read()
with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write('#include "owners/wrappers.h"\nconst char ht_wrappers_text[] = {\n')
    for at in range(0, len(data), 24):
        out.write(",".join(str(b) for b in data[at:at + 24]) + ",\n")
    out.write("0};\nconst size_t ht_wrappers_text_size = sizeof ht_wrappers_text - 1;\n")
