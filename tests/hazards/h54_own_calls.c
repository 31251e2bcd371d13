// SPDX-License-Identifier: MIT
// Hazard 54: an interposer that has every allocator's own calls, whether the allocator is there or not.
// Shows: which of them a program finds, by weak symbol and by name, is what it finds without us; those that are there are counted, by
// whatever way they are reached, and all may be mixed with malloc and free; blocks that a heap takes with it are not taken for live.
// Seen failing without "names are shown only where the allocator has them" and "what is bound already is rebound" (mutants).
#include "hazard.h"
#include <dlfcn.h>

#define WEAK extern __attribute__((weak))
WEAK void *mallocx(size_t, int);
WEAK void *rallocx(void *, size_t, int);
WEAK void sdallocx(void *, size_t, int);
WEAK void dallocx(void *, int);
WEAK size_t nallocx(size_t, int);
WEAK size_t sallocx(const void *, int);
WEAK void *tc_malloc(size_t);
WEAK void tc_free(void *);
WEAK void *tc_realloc(void *, size_t);
WEAK int tc_posix_memalign(void **, size_t, size_t);
WEAK void *mi_malloc(size_t);
WEAK void *mi_zalloc(size_t);
WEAK void mi_free(void *);
WEAK void *mi_heap_new(void);
WEAK void *mi_heap_malloc(void *, size_t);
WEAK void mi_heap_destroy(void *);
WEAK void *mi_rezalloc(void *, size_t);
WEAK void *mi_reallocn(void *, size_t, size_t);
WEAK void *mi_reallocf(void *, size_t);
WEAK void *mi_heap_reallocf(void *, void *, size_t);
WEAK void *reallocf(void *, size_t);

enum { N = 300 };

static const char *const names[] = {
    "mallocx",        "rallocx",         "xallocx",        "sallocx",     "dallocx",
    "sdallocx",       "nallocx",         "tc_malloc",      "tc_free",     "tc_calloc",
    "tc_realloc",     "tc_malloc_size",  "tc_new",         "tc_delete",   "tc_free_sized",
    "mi_malloc",      "mi_free",         "mi_calloc",      "mi_realloc",  "mi_new",
    "mi_heap_malloc", "mi_heap_destroy", "mi_usable_size", "mi_rezalloc", "mi_malloc_aligned",
    "vfree",          "reallocf",        "malloc_size",    "reallocarr",  "mi_no_such"};

#define FOUND(f) say(1, "weak " #f ": %d\n", (f) != NULL)
static void what_is_found(void) {
  FOUND(mallocx), FOUND(rallocx), FOUND(sdallocx), FOUND(dallocx), FOUND(nallocx), FOUND(sallocx), FOUND(tc_malloc),
      FOUND(tc_free);
  FOUND(tc_realloc), FOUND(mi_malloc), FOUND(mi_zalloc), FOUND(mi_free), FOUND(mi_heap_malloc), FOUND(mi_rezalloc);
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    say(1, "%s: %d\n", names[i], dlsym(RTLD_DEFAULT, names[i]) != NULL);
}

// A block of n bytes may be written to up to what is promised, and freed by whatever frees.
NOINLINE static void *site_je(size_t n) {
  void *p = mallocx(n, 0);
  STAY(p);
  return p;
}
NOINLINE static void *site_je_by_name(size_t n) {
  void *p = ((void *(*)(size_t, int))dlsym(RTLD_DEFAULT, "mallocx"))(n, 0);
  STAY(p);
  return p;
}
static void jemalloc(void) {
  long bytes = 0;
  for (size_t i = 0; i < N; i++) {
    size_t n = 1 + i * 37 % 5000;
    char *p = site_je(n), *q = malloc(n), *r = site_je_by_name(n);
    CHECK(p && q && r, "jemalloc's own calls and malloc return blocks");
    CHECK(sallocx(p, 0) == nallocx(n, 0), "sallocx of a block equals nallocx of its size");
    memset(p, 1, nallocx(n, 0));
    memset(q, 1, nallocx(n, 0));
    bytes += (long)n;
    if (i % 2)
      sdallocx(q, n, 0), free(p), dallocx(r, 0);
    else
      free(q), sdallocx(p, n, 0), free(r);
  }
  truth("site_je", N, bytes, 0, 0);
  truth("site_je_by_name", N, bytes, 0, 0);
}

NOINLINE static void *site_tc(size_t n) {
  void *p = tc_malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_tc_aligned(size_t n) {
  void *p = NULL;
  CHECK(tc_posix_memalign(&p, 64, n) == 0, "tc_posix_memalign succeeds");
  STAY(p);
  return p;
}
static void tcmalloc(void) {
  long bytes = 0;
  for (size_t i = 0; i < N; i++) {
    size_t n = 1 + i * 37 % 5000;
    void *p = site_tc(n), *q = malloc(n), *r = site_tc_aligned(n);
    CHECK(p && q && r, "tcmalloc's own calls return blocks");
    bytes += (long)n;
    tc_free(q);
    free(r);
    i % 2 ? free(p) : tc_free(p);
  }
  truth("site_tc", N, bytes, 0, 0);
  truth("site_tc_aligned", N, bytes, 0, 0);
}

NOINLINE static void *site_mi(size_t n) {
  void *p = mi_malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_mi_heap(void *heap, size_t n) {
  void *p = mi_heap_malloc(heap, n);
  STAY(p);
  return p;
}
NOINLINE static void *site_mi_zeroed(size_t n) {
  void *p = mi_zalloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_mi_grown(void *p, size_t n) {
  p = mi_rezalloc(p, n);
  STAY(p);
  return p;
}
// What zeroes says that all of a block is, to its end, and what is grown by it too.
static void check_zero(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    CHECK(!p[i], "what is zeroed is zero to its end");
}
// Of what lies on a page because it was sampled, too: one that was full before.
static void zeroed_small(void) {
  for (size_t i = 0; i < 100000; i++) {
    size_t n = 901 + i * 6 % 120;
    char *p = i % 2 ? calloc(1, n) : mi_zalloc(n);
    CHECK(p, "an aligned allocation succeeds");
    if (i % 3) {
      memset(p, 0xee, malloc_usable_size(p));
    } else {
      p = mi_rezalloc(p, n + 600);
      CHECK(p, "a reallocation succeeds");
      check_zero(p, n + 600);
    }
    free(p);
  }
}
NOINLINE static void *site_mi_freed(size_t n) {
  void *p = mi_malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_mi_kept(size_t n) {
  void *p = mi_malloc(n);
  STAY(p);
  return p;
}
// What reallocf cannot resize is freed; what mi_reallocn cannot, because n * size is too large, lives on.
static void failing(void *heap) {
  static void *blocks[300];
  const long n = 300;
  volatile size_t too_much = SIZE_MAX / 2 + 1;
  for (long i = 0; i < n; i++)
    CHECK(blocks[i] = site_mi_freed(1000), "mimalloc's own calls return blocks");
  for (long i = 0; i < n; i++) {
    void *p = blocks[i], *q = site_mi_kept(1000);
    CHECK(!(i % 3 == 0   ? mi_reallocf(p, too_much)
            : i % 3 == 1 ? reallocf(p, too_much)
                         : mi_heap_reallocf(heap, p, too_much)),
          "there is no such block");
    CHECK(q && !mi_reallocn(q, too_much, 4), "nor so many");
    memset(q, 'q', 1000);
  }
  truth("site_mi_freed", n, n * 1000, 0, 0);
  truth("site_mi_kept", n, n * 1000, n, n * 1000);
}
static void mimalloc(void) {
  long bytes = 0, grown = 0;
  void *heap = mi_heap_new();
  for (size_t i = 0; i < N; i++) {
    size_t n = 1 + i * 37 % 5000;
    void *dirty = malloc(n);
    memset(dirty, 0xee, malloc_usable_size(dirty));
    free(dirty);
    void *p = site_mi(n), *q = malloc(n), *z = site_mi_zeroed(n), *c = calloc(1, n);
    CHECK(p && q && z && c && site_mi_heap(heap, n), "mimalloc's own calls return blocks");
    check_zero(z, n);
    z = site_mi_grown(z, n + n / 4 + 8);
    c = site_mi_grown(c, n + n / 4 + 8);
    CHECK(z && c, "mimalloc's zeroing calls return blocks");
    check_zero(z, n + n / 4 + 8);
    check_zero(c, n + n / 4 + 8);
    grown += 2 * (long)(n + n / 4 + 8);
    bytes += (long)n;
    mi_free(q);
    free(z);
    mi_free(c);
    i % 2 ? free(p) : mi_free(p);
  }
  mi_heap_destroy(heap);
  zeroed_small();
  failing(mi_heap_new());
  truth("site_mi", N, bytes, 0, 0);
  truth("site_mi_heap", N, bytes, 0, 0);
  truth("site_mi_zeroed", N, bytes, 0, 0);
  truth("site_mi_grown", 2 * N, grown, 0, 0);
}

int main(void) {
  what_is_found();
  if (mallocx)
    jemalloc();
  if (tc_malloc)
    tcmalloc();
  if (mi_malloc)
    mimalloc();
  return 0;
}
