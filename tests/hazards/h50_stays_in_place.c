// SPDX-License-Identifier: MIT
// Hazard 50: a realloc that shrinks, or that fits the usable size, moves a block that the allocator leaves where it is. A program that
// reads into a large buffer and then cuts it need not look at what realloc returns.
// Shows: what never moves bare (printed, and compared with a run without the library) never moves, at 512k, 128k and in exact mode, and
// what is freed by its size afterwards is freed whole: the allocator's usable size of a block, asked before each, is never too small.
// Seen failing without "what stays bare is not moved to a page" and "a placed block stays where its own would" and what else mutants has.
#include "hazard.h"
#include <dlfcn.h>

typedef void *resizer(void *, size_t);
static void *(*next_rallocx)(void *, size_t, int);
static void (*next_sdallocx)(void *, size_t, int);

static void *by_reallocarray(void *p, size_t n) { return reallocarray(p, 1, n); }
static void *by_rallocx(void *p, size_t n) { return next_rallocx(p, n, 0); }

NOINLINE static void *by_malloc(size_t n) { return malloc(n); }
NOINLINE static void *by_calloc(size_t n) { return calloc(1, n); }
NOINLINE static void *by_memalign(size_t n) { return memalign(64, n); }
NOINLINE static void *by_realloc(size_t n) { return realloc(malloc(n / 3 + 1), n); }

// 0: to what the block has; sizes on both sides of what the library places, keeps and leaves alone.
static const size_t from[] = {40,   100,  100,   100,   700,   1000,   2000,  2000,
                              2000, 5000, 30000, 30000, 40000, 100000, 300000};
static const size_t to[] = {33, 0, 99, 60, 0, 990, 0, 1900, 500, 4200, 0, 29000, 39000, 0, 299000};

static void round_of(const char *name, void *(*get)(size_t), resizer *resize, int rounds) {
  for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
    int moved = 0, wrong = 0, n = from[i] > 20000 ? rounds / 20 : rounds;
    for (int k = 0; k < n; k++) {
      unsigned char *p = get(from[i]);
      CHECK(p, "the allocator returns a block");
      size_t usable = malloc_usable_size(p), want = to[i] ? to[i] : usable;
      p[0] = 'a';
      p[(want < from[i] ? want : from[i]) - 1] = 'z';
      unsigned char *q = resize(p, want);
      CHECK(q, "a block is resized");
      moved += q != p;
      wrong += q[0] != 'a' || q[(want < from[i] ? want : from[i]) - 1] != 'z' || malloc_usable_size(q) < want;
      memset(q, 'x', want);
      // Twice: a block that stayed, and is nobody's sample any more.
      unsigned char *again = resize(q, want - want / 16);
      CHECK(again, "a block is resized to a little less");
      moved += again != q;
      if (next_sdallocx)
        next_sdallocx(again, want - want / 16, 0);
      else
        free(again);
    }
    CHECK(!wrong, "nothing went wrong in any pair of functions");
    if (!moved)
      printf("%s: %zu to %zu stays\n", name, from[i], to[i]);
  }
}

// What jemalloc is asked to zero begins where the block's usable size ended, as it was told.
static void zeroed_growth(int rounds) {
  for (int k = 0; k < rounds; k++) {
    unsigned char *p = by_malloc(1000);
    size_t usable = malloc_usable_size(p);
    memset(p, 'x', usable);
    unsigned char *q = next_rallocx(p, 3500, 0x40);
    CHECK(q, "rallocx that grows succeeds");
    CHECK(q[usable - 1] == 'x', "its last usable byte is kept");
    for (size_t i = usable; i < 3500; i++)
      CHECK(!q[i], "what rallocx adds is zero");
    memset(q, 'x', 3500);
    next_sdallocx(q, 3500, 0);
  }
}

int main(void) {
  int rounds = exact() ? 500 : 20000;
  void (*set_rate)(unsigned long) = (void (*)(unsigned long))dlsym(RTLD_DEFAULT, "heaptap_set_rate");
  alarm(100);
  if (dlsym(RTLD_DEFAULT, "mallctl")) { // jemalloc's own calls, where there is one
    next_rallocx = (void *(*)(void *, size_t, int))dlsym(RTLD_DEFAULT, "rallocx");
    next_sdallocx = (void (*)(void *, size_t, int))dlsym(RTLD_DEFAULT, "sdallocx");
  }
  for (int rate = 0; rate < 2; rate++) {
    round_of("malloc", by_malloc, realloc, rounds);
    round_of("calloc", by_calloc, by_reallocarray, rounds / 4);
    round_of("memalign", by_memalign, realloc, rounds / 4);
    round_of("realloc", by_realloc, next_rallocx ? by_rallocx : realloc, rounds / 4);
    if (next_rallocx)
      zeroed_growth(rounds);
    if (set_rate && !exact())
      set_rate(131072);
  }
  return 0;
}
