// SPDX-License-Identifier: MIT
// An allocator that may be called from signal handlers: blocks are cut from one mapping and never given back.
// It lets h20_signal_allocates.c show what happens inside our hooks without the allocator's own locks in the way.
// With H_CLASSES, for h71_free_put_off.c, it has classes of sizes as jemalloc has, so that sampled blocks are placed; one block of
// 1,024 bytes is used again; and blocks of 64 MiB and more have no memory but their heads, so that many lie within 64 KiB.
#include "hazard.h"
#include <stdatomic.h>
#define PUBLIC __attribute__((visibility("default")))

enum { HEAD = 16 };
static _Atomic(char *) next;
static char *end;

#ifdef H_CLASSES
enum { REUSED = 1024, HUGE = 64 << 20 };
static _Atomic(char *) reused;
PUBLIC size_t nallocx(size_t n, int flags);
size_t nallocx(size_t n, int flags) { return n ? (n + 31) & ~31UL : 32; }
#endif

static void *take(size_t n, size_t align) {
  char *p;
  if (!atomic_load(&next)) {
    char *area = mmap(NULL, 8UL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
         *none = NULL;
    if (area == MAP_FAILED)
      return NULL;
    end = area + (8UL << 30);
    atomic_compare_exchange_strong(&next, &none, area);
  }
  if (n > 1UL << 30)
    return NULL;
#ifdef H_CLASSES
  n = nallocx(n, 0);
  if (n == REUSED && align == 16 && (p = atomic_exchange(&reused, NULL)))
    return p;
  size_t whole = ((n < HUGE ? n : 0) + HEAD + align + 15) & ~15UL;
#else
  size_t whole = (n + HEAD + align + 15) & ~15UL;
#endif
  p = atomic_fetch_add(&next, whole);
  if (p + whole > end)
    return NULL;
  p = (char *)(((uintptr_t)p + HEAD + align - 1) & ~(align - 1));
  ((size_t *)p)[-1] = n;
  return p;
}
PUBLIC void *malloc(size_t n) { return take(n, 16); }
PUBLIC void free(void *p) {
#ifdef H_CLASSES
  if (p && ((size_t *)p)[-1] == REUSED)
    atomic_store(&reused, p);
#endif
}
PUBLIC void *calloc(size_t n, size_t size) { return take(n * size, 16); }
PUBLIC void *memalign(size_t align, size_t n) { return take(n, align < 16 ? 16 : align); }
PUBLIC void *aligned_alloc(size_t align, size_t n) { return take(n, align < 16 ? 16 : align); }
PUBLIC int posix_memalign(void **p, size_t align, size_t n) {
  return (*p = take(n, align < 16 ? 16 : align)) ? 0 : ENOMEM;
}
PUBLIC size_t malloc_usable_size(void *p) { return p ? ((size_t *)p)[-1] : 0; }
PUBLIC void *realloc(void *p, size_t n) {
  void *q = take(n, 16);
  size_t old = malloc_usable_size(p);
  return q && p ? memcpy(q, p, old < n ? old : n) : q;
}
