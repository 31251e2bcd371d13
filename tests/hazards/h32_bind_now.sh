#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 32: lazy binding on the malloc path clobbers vector registers.
# Shows: the library is bound when it is loaded. Seen failing: linked with -z lazy, the flag is not there.
readelf -dW "$H_LIBRARY" | grep -qE 'BIND_NOW|FLAGS.*NOW' || { echo "not marked BIND_NOW"; exit 1; }
