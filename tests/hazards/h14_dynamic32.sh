#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 14: LD_PRELOAD is inherited by a 32-bit dynamic program, whose loader says that it cannot preload a 64-bit library.
# Shows: a 32-bit child of a program under heaptap run says and does what it does alone; the program is profiled all the same.
# Seen failing without "a 32-bit loader is led to a library of nothing" (mutants).
printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { void *volatile p = malloc(100000); free(p); puts("ran"); return 5; }\n' >"$H_TMP/a.c"
gcc -m32 -o "$H_TMP/a" "$H_TMP/a.c" 2>/dev/null && [ "$("$H_TMP/a")" = ran ] || { echo "no compiler, C library or kernel for 32 bits here (gcc-multilib)"; exit 77; }
[ -x "$H_BUILD/heaptap" ] || { echo "heaptap is not built"; exit 77; }
export LD_PRELOAD=
"$H_BUILD/heaptap" run -q --rate="$H_RATE" -o "$H_TMP/p.pb.gz" -- bash -c '"$H_TMP/a"; exit $?' >"$H_TMP/said" 2>"$H_TMP/err"
rc=$?
[ $rc = 5 ] && [ "$(cat "$H_TMP/said")" = ran ] && [ ! -s "$H_TMP/err" ] || { echo "exit $rc"; cat "$H_TMP/said" "$H_TMP/err"; exit 1; }
[ "$H_RATE" != 1 ] || [ -s "$H_TMP/p.pb.gz" ] || { echo "no profile of the program itself"; exit 1; }
"$H_BUILD/heaptap" run -q --rate="$H_RATE" -o "$H_TMP/q.pb.gz" -- "$H_TMP/a" >"$H_TMP/said" 2>"$H_TMP/err"
rc=$?
[ $rc = 5 ] && [ "$(cat "$H_TMP/said")" = ran ] && [ "$(grep -c '32-bit' "$H_TMP/err")" = 1 ] && [ "$(wc -l <"$H_TMP/err")" = 1 ] || { echo "run itself: exit $rc"; cat "$H_TMP/err"; exit 1; }
