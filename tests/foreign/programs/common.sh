# SPDX-License-Identifier: MIT
# Programs nobody wrote for heaptap, one function p_NAME each in the files beside this one. p_NAME runs in an empty directory of its
# own, which is its HOME too, prints only what is the same at every run, and may use $PORT and the next one on 127.0.0.1. Servers run
# in the foreground of a job; what still runs two seconds after the end is killed. Marks above it, each in a line of its own:
#   # needs: sqlite3 /usr/lib/...      commands or files that must be there (packages.txt says what brings them)
#   # ordinary                         taken by the ordinary test run; "# ordinary: glibc" over that allocator only
#   # only: glibc jemalloc             the allocators it is worth its time over
#   # not exact: REASON                not run in exact mode
#   # limit: 600                       seconds it may take (120)

# No process is started while waiting: their number would be another one at each run.
wait_until() { # COMMAND [ARG]...
  local i
  mkfifo .wait && exec 8<>.wait && rm .wait
  for i in $(seq 600); do
    if "$@"; then
      exec 8>&-
      return 0
    fi
    read -r -t 0.05 -u 8
  done
  echo "never: $*"
  return 1
}
connects() { { exec 9<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null && exec 9>&-; }
says() { [[ $(<"$2") == *"$1"* ]]; }
wait_port() { wait_until connects "$1"; }

c_source() {
  cat >a.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int cmp(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
int main(void) {
  char *words[500];
  for (int i = 0; i < 500; i++) { words[i] = malloc(16); snprintf(words[i], 16, "%d", i * 7919 % 1009); }
  qsort(words, 500, sizeof *words, cmp);
  for (int i = 0; i < 500; i += 50) puts(words[i]);
  return 0;
}
C
}
