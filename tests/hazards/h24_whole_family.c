// SPDX-License-Identifier: MIT
// Hazard 24: aligned_alloc, memalign, valloc, pvalloc, malloc_usable_size, reallocarray, free_sized forgotten.
// Shows: each works over each allocator, its blocks are counted, may be written to their usable size, and freed.
// Seen failing without "pvalloc is not another allocator's" (mutants).
#include "hazard.h"
#include <dlfcn.h>

enum { N = 40, KINDS = 9 };
NOINLINE static void *site_family(int kind, size_t n) {
  void *p = NULL;
  switch (kind) {
  case 0: p = aligned_alloc(256, n); break;
  case 1: p = memalign(512, n); break;
  case 2: p = valloc(n); break;
  // jemalloc has none: without us it would be glibc's, whose block jemalloc cannot free
  case 3: p = getenv("HEAPTAP_RATE") ? pvalloc(n) : valloc(n); break;
  case 4: p = posix_memalign(&p, 1024, n) ? NULL : p; break;
  case 5: p = reallocarray(NULL, n / 4, 4); break;
  case 6: p = calloc(n, 1); break;
  case 7: p = realloc(NULL, n); break;
  case 8: p = malloc(n); break;
  }
  STAY(p);
  return p;
}

int main(void) {
  static const size_t align[KINDS] = {256, 512, 4096, 4096, 1024, 16, 16, 16, 16};
  long bytes = 0;
  void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
  void (*aligned)(void *, size_t, size_t) = (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
  for (int kind = 0; kind < KINDS; kind++)
    for (int i = 0; i < N; i++) {
      size_t n = 4096;
      char *p = site_family(kind, n);
      bytes += (long)n;
      CHECK(p && (uintptr_t)p % align[kind] == 0, "each function returns a block that is aligned as asked");
      size_t usable = malloc_usable_size(p);
      CHECK(usable >= n, "each block has the size that was asked for");
      if (kind == 6)
        for (size_t k = 0; k < n; k++)
          CHECK(p[k] == 0, "calloc's block is zero");
      memset(p, 0xee, usable);
      if (i % 3 == 0 && sized && kind > 4)
        sized(p, n);
      else if (i % 3 == 0 && aligned && kind == 0)
        aligned(p, 256, n);
      else if (i % 3 == 1)
        free(realloc(p, 3 * n));
      else
        free(p);
    }
  CHECK(malloc_usable_size(NULL) == 0, "NULL has no usable bytes");
  free(NULL);
  truth("site_family", KINDS * N, bytes, 0, 0);
  return 0;
}
