// SPDX-License-Identifier: MIT
// An allocator that may be called from signal handlers: blocks are cut from one mapping and never given back.
// It lets h20_signal_allocates.c show what happens inside our hooks without the allocator's own locks in the way.
#include "hazard.h"
#include <stdatomic.h>
#define PUBLIC __attribute__((visibility("default")))

enum { HEAD = 16 };
static _Atomic(char *) next;
static char *end;

static void *take(size_t n, size_t align) {
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
  size_t whole = (n + HEAD + align + 15) & ~15UL;
  char *p = atomic_fetch_add(&next, whole);
  if (p + whole > end)
    return NULL;
  p = (char *)(((uintptr_t)p + HEAD + align - 1) & ~(align - 1));
  ((size_t *)p)[-1] = n;
  return p;
}
PUBLIC void *malloc(size_t n) { return take(n, 16); }
PUBLIC void free(void *p) {}
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
