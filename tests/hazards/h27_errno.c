// SPDX-License-Identifier: MIT
// Hazard 27: errno is changed by calls that succeed.
// Shows: it is what it was after every function of the family, sampled or not.
// Seen failing without "errno is put back" (mutants).
#include "hazard.h"

#define SAME(call)                                                                                                     \
  do {                                                                                                                 \
    errno = 4321;                                                                                                      \
    call;                                                                                                              \
    CHECK(errno == 4321, "a call that succeeds leaves errno");                                                         \
  } while (0)

int main(void) {
  // mimalloc sets itself up over its first calls.
  for (int i = 0; i < 2000; i++)
    free(malloc((size_t)i * 100));
  for (int i = 0; i < 300; i++) {
    size_t n = 100 + (size_t)i * 400;
    void *p, *q = NULL;
    SAME(p = malloc(n));
    SAME(p = realloc(p, n * 2));
    SAME(malloc_usable_size(p));
    SAME(free(p));
    SAME(p = calloc(n, 2));
    SAME(free(p));
    SAME(CHECK(posix_memalign(&q, 64, n) == 0, "posix_memalign succeeds"));
    SAME(free(q));
    SAME(p = aligned_alloc(64, n & ~63UL));
    SAME(free(p));
    SAME(free(NULL));
  }
  return 0;
}
