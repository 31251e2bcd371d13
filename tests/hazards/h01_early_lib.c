// SPDX-License-Identifier: MIT
// A library whose constructor allocates: it runs before the constructors of what LD_PRELOAD names.
#include "hazard.h"
__attribute__((visibility("default"))) void *early_blocks[64];
__attribute__((visibility("default"))) void *early_calloc(size_t n);

void *early_calloc(size_t n) {
  void *p = calloc(n, 3);
  STAY(p);
  return p;
}

__attribute__((constructor)) static void early(void) {
  for (int i = 0; i < 64; i++) {
    void *p = NULL;
    if (i % 4 == 0)
      p = malloc(40 + (size_t)i * 100);
    else if (i % 4 == 1)
      p = early_calloc(40 + (size_t)i * 50);
    else if (i % 4 == 2)
      p = realloc(malloc(10), 40 + (size_t)i * 100);
    else if (posix_memalign(&p, 64, 40 + (size_t)i * 100) != 0)
      abort();
    memset(p, i + 1, 40);
    early_blocks[i] = p;
    free(malloc(100000));
  }
}
