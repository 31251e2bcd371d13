#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 2: the first access to a thread's TLS allocates (__tls_get_addr), inside malloc.
# Shows: the library never calls __tls_get_addr and has no dynamic TLS relocation; its model is initial-exec.
# Seen failing: built with -ftls-model=global-dynamic, the import appears.
nm -D "$H_LIBRARY" | grep -q __tls_get_addr && { echo "it imports __tls_get_addr"; exit 1; }
readelf -rW "$H_LIBRARY" | grep -E 'DTPMOD|DTPOFF|TLSDESC' && { echo "dynamic TLS relocations"; exit 1; }
readelf -lW "$H_LIBRARY" | grep -q ' TLS ' || { echo "no TLS segment to judge"; exit 77; }
readelf -dW "$H_LIBRARY" | grep -q STATIC_TLS || { echo "not marked STATIC_TLS"; exit 1; }
