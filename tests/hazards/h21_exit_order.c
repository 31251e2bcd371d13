// SPDX-License-Identifier: MIT
// Hazard 21: exit handlers, destructors and thread-specific destructors allocate and free after our dump.
// Shows: everything works to the last call, and the exit status is kept.
// Seen failing without "the tables live to the last call" (mutants).
#include "hazard.h"
#include <dlfcn.h>
#include <pthread.h>

void late_keep(void *p);
static void *early, *late;
static void first(void) {
  free(early);
  late = malloc(70000);
  CHECK(late, "malloc succeeds in a handler of exit");
}
static void last(void) {
  early = realloc(early, 90000);
  CHECK(early, "realloc succeeds in a handler of exit");
}
__attribute__((destructor)) static void end(void) {
  free(late);
  for (int i = 0; i < 1000; i++)
    free(malloc((size_t)i * 100));
  void (*freeres)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "__libc_freeres");
  if (freeres && getenv("H_ALLOCATOR") && strcmp(getenv("H_ALLOCATOR"), "glibc") == 0)
    freeres();
  free(malloc(5000));
}
static void specific(void *p) {
  free(p);
  free(malloc(40000));
}
static void *thread(void *key) {
  pthread_setspecific(*(pthread_key_t *)key, malloc(30000));
  return malloc(20000);
}

int main(void) {
  alarm(100);
  for (int i = 0; i < 8; i++)
    late_keep(malloc(60000));
  early = malloc(50000);
  CHECK(atexit(first) == 0, "the first handler of exit is registered");
  CHECK(atexit(last) == 0, "the last one too");
  pthread_key_t key;
  CHECK(pthread_key_create(&key, specific) == 0, "the thread's key is made");
  for (int i = 0; i < 20; i++) {
    pthread_t t;
    void *p;
    CHECK(pthread_create(&t, NULL, thread, &key) == 0, "the thread starts");
    CHECK(pthread_join(t, &p) == 0, "it is joined");
    free(p);
  }
  puts("done");
  return 23;
}
