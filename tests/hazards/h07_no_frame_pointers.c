// SPDX-License-Identifier: MIT
// Hazard 7: without frame pointers, stacks of one frame, silently.
// Shows: code built with -fomit-frame-pointer has its whole stack; one deeper than the limit is counted as truncated.
// Seen failing without "unwinding by DWARF" (mutants).
#include "hazard.h"

NOINLINE static void *site_deep(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *descend(int n, size_t size) {
  volatile char room[64];
  room[n % 64] = 1;
  void *p = n ? descend(n - 1, size) : site_deep(size);
  STAY(p);
  return room[n % 64] ? p : NULL;
}

int main(void) {
  for (int i = 0; i < 300; i++)
    free(descend(40, 4000));
  truth("site_deep", 300, 1200000, 0, 0);
  claim("depth site_deep 42");
  for (int i = 0; i < 300; i++)
    free(descend(400, 10));
  truth("site_deep", 300, 3000, 0, 0);
  claim("comment truncated.stacks:.300.samples");
  return 0;
}
