#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 3: static TLS is scarce; a library that takes much of it cannot be loaded late.
# Shows: at most 64 bytes are taken, and a program that dlopens the library late goes on allocating.
# Seen failing without "the size of TLS" (mutants).
size=$(readelf -lW "$H_LIBRARY" | awk '$1 == "TLS" { print $6 }')
[ $((size)) -le 64 ] || { echo "TLS takes $((size)) bytes"; exit 1; }
exec "$H_PROGRAMS/h03_late_load" "$H_LIBRARY"
