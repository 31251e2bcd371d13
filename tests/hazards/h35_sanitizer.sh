#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 35: a program built with AddressSanitizer: "ASan runtime does not come first".
# Shows: heaptap run runs it, and says in one line that it could not be profiled. Not yet seen failing.
printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { void *volatile p = malloc(1000000); free(p); puts("ran"); return 3; }\n' >"$H_TMP/a.c"
gcc -fsanitize=address -o "$H_TMP/a" "$H_TMP/a.c" 2>/dev/null || { echo "gcc has no AddressSanitizer here"; exit 77; }
[ -x "$H_BUILD/heaptap" ] && "$H_BUILD/heaptap" run --help >/dev/null 2>&1 || { echo "heaptap run is not there"; exit 77; }
"$H_BUILD/heaptap" run --rate="$H_RATE" -o "$H_TMP/p.pb.gz" -- "$H_TMP/a" >"$H_TMP/said" 2>"$H_TMP/err"
rc=$?
[ $rc = 3 ] && [ "$(cat "$H_TMP/said")" = ran ] || { echo "exit $rc"; cat "$H_TMP/err"; exit 1; }
grep -qi 'sanitizer' "$H_TMP/err" || { echo "no word about the sanitizer"; cat "$H_TMP/err"; exit 1; }
