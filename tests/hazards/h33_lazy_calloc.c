// SPDX-License-Identifier: MIT
// Hazard 33: a large calloc made resident by zeroing what is zero.
// Shows: 2 GiB by calloc take next to no memory. Seen failing without "a large calloc stays the allocator's" (mutants).
#include "hazard.h"

int main(void) {
  void *p[32];
  long before = resident_kib();
  for (int i = 0; i < 32; i++) {
    p[i] = calloc(1 << 20, 64);
    CHECK(p[i], "calloc of a large block succeeds");
  }
  long grown = resident_kib() - before;
  if (grown > 16 << 10)
    say(2, "resident: %ld KiB more\n", grown);
  CHECK(grown <= 16 << 10, "calloc touches at most 16 MiB of pages that the kernel has zeroed");
  for (int i = 0; i < 32; i++) {
    CHECK(((char *)p[i])[12345678] == 0, "calloc's memory is zero");
    free(p[i]);
  }
  return 0;
}
