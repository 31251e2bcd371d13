// SPDX-License-Identifier: MIT
// Of h29_full_tmpfs.sh: as many samples as let the target look for what may be folded several times.
#include "hazard.h"

int main(void) {
  for (int i = 0; i < 2000000; i++) {
    void *p = malloc(100 + i % 4);
    STAY(p);
    free(p);
  }
  puts("all");
  return 0;
}
