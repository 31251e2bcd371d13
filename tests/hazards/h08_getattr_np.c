// SPDX-License-Identifier: MIT
// Hazard 8: pthread_getattr_np holds the thread's lock while it allocates; a sample that called it would wait for ever.
// Shows: many threads ask for their attributes, each call allocating, and end.
// Seen failing without "no pthread_getattr_np on a sample" (mutants).
#include "hazard.h"
#include <pthread.h>

static void *work(void *arg) {
  for (int i = 0; i < 300; i++) {
    pthread_attr_t a;
    void *stack;
    size_t size;
    CHECK(pthread_getattr_np(pthread_self(), &a) == 0, "pthread_getattr_np succeeds");
    CHECK(pthread_attr_getstack(&a, &stack, &size) == 0, "the stack's bounds are there");
    CHECK(size > 0, "the stack has a size");
    pthread_attr_destroy(&a);
    free(malloc(20000));
  }
  return NULL;
}

int main(void) {
  alarm(100);
  pthread_t t[8];
  for (int i = 0; i < 8; i++)
    CHECK(pthread_create(&t[i], NULL, work, NULL) == 0, "a thread starts");
  work(NULL);
  for (int i = 0; i < 8; i++)
    pthread_join(t[i], NULL);
  return 0;
}
