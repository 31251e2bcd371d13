// SPDX-License-Identifier: MIT
// Hazard 26: a failed allocation is recorded as a leak.
// Shows: calls that fail return what they return without us, and leave nothing in the profile.
// Seen failing without "a failed allocation is not recorded" (mutants).
#include "hazard.h"

NOINLINE static void *site_fails(int kind) {
  volatile size_t huge = PTRDIFF_MAX - 4096, many = SIZE_MAX / 2;
  void *p = NULL;
  switch (kind) {
  case 0: p = malloc(huge); break;
  case 1: p = calloc(many, 4); break;
  case 2: p = calloc(1, huge); break;
  case 3: p = aligned_alloc(64, huge & ~63UL); break;
  case 4:
    CHECK(posix_memalign(&p, 64, huge) == ENOMEM && !p,
          "posix_memalign of a huge block fails with ENOMEM and stores nothing");
    break;
  case 5:
    CHECK(posix_memalign(&p, 24, 100) == EINVAL && !p, "posix_memalign refuses an alignment that is no power of two");
    break;
  case 6: p = realloc(NULL, huge); break;
  case 7: p = reallocarray(NULL, many, 8); break;
  }
  STAY(p);
  return p;
}

int main(void) {
  for (int i = 0; i < 50; i++)
    for (int kind = 0; kind < 8; kind++)
      CHECK(!site_fails(kind), "an allocation that cannot succeed returns NULL");
  free(malloc(1000000));
  truth("site_fails", 0, 0, 0, 0);
  return 0;
}
