#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 3: static TLS is scarce; a library that takes much of it cannot be loaded late.
# Shows: at most 64 bytes are taken; a program that loads the library late is refused in the loader's words, however much there is,
# and goes on allocating.
# Seen failing without "the size of TLS" and "loading late is refused" (mutants).
size=$(readelf -lW "$H_LIBRARY" | awk '$1 == "TLS" { print $6 }')
[ $((size)) -le 64 ] || { echo "TLS takes $((size)) bytes"; exit 1; }
said=$("$H_PROGRAMS/h03_late_load" "$H_LIBRARY") || { echo "late: exit $?"; exit 1; }
[[ $said = *"cannot be dlopen()ed"* ]] || { echo "late: $said"; exit 1; }
