// SPDX-License-Identifier: MIT
// only: jemalloc
// Hazard 57: a program gives up a whole heap (an arena of jemalloc's), and something of ours is still in it.
// Shows: after thirty arenas that came and went, with samples in each, blocks hold what was written to them.
// Seen failing without "no block is kept where heaps can be destroyed" (mutants): SIGSEGV.
#include "hazard.h"

extern __attribute__((weak)) int mallctl(const char *, void *, size_t *, void *, size_t);

static void one_arena(unsigned first) {
  static char *blocks[3000];
  unsigned arena, old;
  size_t n = sizeof arena;
  char name[64];
  CHECK(!mallctl("arenas.create", &arena, &n, NULL, 0), "jemalloc makes an arena");
  n = sizeof old;
  CHECK(!mallctl("thread.arena", &old, &n, &arena, sizeof arena), "the thread moves to that arena");
  for (int i = 0; i < 20000; i++) {
    void *p = malloc(200 + (size_t)i % 700);
    CHECK(p, "malloc from the arena succeeds");
    memset(p, 2, 200);
    free(p);
  }
  CHECK(!mallctl("thread.tcache.flush", NULL, NULL, NULL, 0), "the thread's cache is flushed");
  n = sizeof old;
  CHECK(!mallctl("thread.arena", &old, &n, &first, sizeof first), "the thread moves back to its first arena");
  snprintf(name, sizeof name, "arena.%u.destroy", arena);
  CHECK(!mallctl(name, NULL, NULL, NULL, 0), "the arena is destroyed");
  for (int i = 0; i < 3000; i++) {
    CHECK((blocks[i] = malloc(300 + (size_t)i % 600)), "malloc succeeds after the arena was destroyed");
    memset(blocks[i], i, 300);
  }
  for (int i = 0; i < 3000; i++) {
    for (int k = 0; k < 300; k++)
      CHECK(blocks[i][k] == (char)i, "blocks allocated later do not overlap");
    free(blocks[i]);
  }
}

int main(void) {
  unsigned first;
  size_t n = sizeof first;
  if (!mallctl || mallctl("thread.arena", &first, &n, NULL, 0))
    skip("no jemalloc");
  for (int i = 0; i < 30; i++)
    one_arena(first);
  return 0;
}
