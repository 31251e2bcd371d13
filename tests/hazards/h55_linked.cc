// SPDX-License-Identifier: MIT
// Of hazard 55 (h55_two_allocators.sh): what the loader gives this program, by name, and that each family's blocks go back to where
// they came from. With an argument: a library that is loaded first, and is asked for the calls too.
extern "C" {
#include "hazard.h"
}
#include <dlfcn.h>
#include <new>
#include <pthread.h>

#define WEAK extern "C" __attribute__((weak))
WEAK void *mallocx(size_t, int);
WEAK void *rallocx(void *, size_t, int);
WEAK void dallocx(void *, int);
WEAK void sdallocx(void *, size_t, int);
WEAK void *tc_malloc(size_t);
WEAK void *tc_memalign(size_t, size_t);
WEAK void *tc_new(size_t);
WEAK void tc_delete(void *);
WEAK void tc_free(void *);
WEAK void *tc_realloc(void *, size_t);
WEAK void *mi_malloc(size_t);
WEAK void *mi_realloc(void *, size_t);
WEAK void mi_free(void *);
WEAK char *mi_strdup(const char *);
WEAK void *mi_heap_new();
WEAK void *mi_heap_malloc(void *, size_t);
WEAK void *mi_heap_rezalloc(void *, void *, size_t);
WEAK void mi_heap_destroy(void *);
WEAK void mi_heap_delete(void *);

typedef void *(*get)(size_t);
typedef void (*drop)(void *);

static void by_name(void *scope) {
  static const char *const names[] = {"mallocx",   "sdallocx", "tc_malloc",   "tc_free",
                                      "mi_malloc", "mi_free",  "mi_heap_new", "reallocf"};
  for (const char *name : names)
    say(1, "%s: %s\n", name, dlsym(scope, name) ? "found" : "nowhere");
}

static void pair(const char *a, const char *b, void *scope) {
  get g = (get)dlsym(scope, a);
  drop d = (drop)dlsym(scope, b);
  if (!g || !d)
    return;
  for (size_t i = 0; i < 3000; i++) {
    void *p = g(1 + i * 7 % 3000);
    CHECK(p, "an allocation of the linked allocator succeeds");
    memset(p, 1, 1 + i * 7 % 3000);
    d(p);
  }
}
static void with(void *scope) {
  by_name(scope);
  pair("tc_malloc", "tc_free", scope);
  pair("tc_new", "tc_delete", scope);
  pair("mi_malloc", "mi_free", scope);
  pair("mi_zalloc", "mi_free", scope);
}

static void *all(void *) {
  for (size_t i = 0; i < 3000; i++) {
    size_t n = 1 + i * 7 % 3000;
    void *p = malloc(n), *q = ::operator new(n);
    free(realloc(p, 2 * n));
    ::operator delete(q, n);
    if (mallocx) {
      sdallocx(mallocx(n, 0), n, 0);
      dallocx(rallocx(mallocx(n, 0), n + 100, 0), 0);
    }
    if (tc_malloc) {
      tc_free(tc_realloc(tc_malloc(n), n + 100));
      tc_free(tc_memalign(64, n));
      tc_delete(tc_new(n));
    }
    if (mi_malloc) {
      mi_free(mi_realloc(mi_malloc(n), n + 100));
      mi_free(mi_strdup("strings, too"));
    }
    if (mi_malloc && i % 50 == 0) {
      void *heap = mi_heap_new();
      for (int k = 0; k < 100; k++)
        memset(mi_heap_rezalloc(heap, mi_heap_malloc(heap, n), n + 100), 1, n + 100);
      void *stays = mi_heap_malloc(heap, n);
      i % 100 ? mi_free(stays), mi_heap_destroy(heap) : (mi_heap_delete(heap), mi_free(stays));
    }
  }
  return nullptr;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    void *library = dlopen(argv[1], RTLD_NOW | (argc > 2 ? RTLD_GLOBAL : RTLD_LOCAL));
    if (!library)
      skip(dlerror());
    with(library);
  }
  with(RTLD_DEFAULT);
  pthread_t t;
  CHECK(!pthread_create(&t, nullptr, all, nullptr), "the thread starts");
  all(nullptr);
  CHECK(!pthread_join(t, nullptr), "the thread is joined");
  return 0;
}
