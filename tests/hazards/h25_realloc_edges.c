// SPDX-License-Identifier: MIT
// Hazard 25: realloc(NULL, n), realloc(p, 0), realloc that fails; a free recorded after the block belongs to another thread.
// Shows: a failed realloc leaves the old block and its record; at the end nothing of what was freed is in use, with four
// threads taking each other's addresses at once, and all of what they keep is.
// Seen failing without "a failed realloc keeps its record" and "a free is recorded before the block is given back" (mutants).
#include "hazard.h"
#include <pthread.h>

NOINLINE static void *site_realloc(void *old, size_t n) {
  void *p = realloc(old, n);
  STAY(p);
  return p;
}
NOINLINE static void *site_kept(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_thread(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_passed(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
// Too large for a thread's own cache, in glibc's one arena (main): what one thread frees the next call of any of them gets. All that is kept
// must be in the profile, however the frees of others were recorded.
static void *pass_on(void *arg) {
  for (int i = 0; i < 4000; i++) {
    free(site_passed(1500));
    void *kept = site_passed(1500);
    STAY(kept);
  }
  return NULL;
}
static void *work(void *arg) {
  void *slots[16] = {0};
  for (int i = 0; i < 20000; i++) {
    free(slots[i % 16]);
    slots[i % 16] = site_thread(200);
    if (i % 4 == 0)
      slots[i % 16] = realloc(slots[i % 16], 300);
  }
  for (int i = 0; i < 16; i++)
    free(slots[i]);
  return NULL;
}

int main(void) {
  volatile size_t huge = PTRDIFF_MAX - 4096;
  alarm(100);
  mallopt(M_ARENA_MAX, 1);
  char *p = site_realloc(NULL, 4000);
  CHECK(p, "realloc of NULL allocates");
  strcpy(p, "contents");
  p = site_realloc(p, 8000);
  CHECK(p && strcmp(p, "contents") == 0, "realloc that grows keeps the contents");
  p = site_realloc(p, 100);
  CHECK(p && strcmp(p, "contents") == 0, "realloc that shrinks keeps the contents");
  truth("site_realloc", 3, 12100, 1, 100);
  char *kept = site_kept(5000);
  strcpy(kept, "kept");
  for (int i = 0; i < 20; i++) {
    CHECK(!site_realloc(kept, huge), "realloc of PTRDIFF_MAX fails and keeps the block");
    CHECK(!reallocarray(kept, huge, 3), "reallocarray whose product is too large fails");
    CHECK(strcmp(kept, "kept") == 0, "the block of a failed realloc keeps its contents");
  }
  truth("site_kept", 1, 5000, 1, 5000);
  // Frees p in glibc and most others; where it does not, the result is a block to be freed.
  void *q = malloc(3000);
  q = realloc(q, 0);
  free(q);
  pthread_t t[4];
  for (int i = 0; i < 4; i++)
    CHECK(pthread_create(&t[i], NULL, work, NULL) == 0, "a thread starts");
  for (int i = 0; i < 4; i++)
    pthread_join(t[i], NULL);
  truth("site_thread", 80000, 16000000, 0, 0);
  for (int i = 0; i < 4; i++)
    CHECK(pthread_create(&t[i], NULL, pass_on, NULL) == 0, "a thread that passes blocks on starts");
  for (int i = 0; i < 4; i++)
    pthread_join(t[i], NULL);
  truth("site_passed", 32000, 48000000, 16000, 24000000);
  STAY(p);
  return 0;
}
