// SPDX-License-Identifier: MIT
// Hazard 10: fork while other threads hold our locks.
// Shows: children forked from the midst of allocating threads allocate, free, start threads, dump when they are asked to, and exit by
// exit().
// Seen failing without "a child starts anew" (mutants).
#include "hazard.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_int stop;
static void *churn(void *arg) {
  void *slots[64] = {0};
  for (unsigned i = 0; !atomic_load(&stop); i++) {
    free(slots[i % 64]);
    slots[i % 64] = malloc(64 + i % 8000);
  }
  for (int i = 0; i < 64; i++)
    free(slots[i]);
  return NULL;
}
NOINLINE static void *site_child(void) {
  void *p = malloc(7000);
  STAY(p);
  return p;
}
static void *child_thread(void *arg) {
  for (int i = 0; i < 100; i++)
    free(site_child());
  return NULL;
}

int main(void) {
  alarm(100);
  pthread_t t[4];
  for (int i = 0; i < 4; i++)
    CHECK(pthread_create(&t[i], NULL, churn, NULL) == 0, "a thread that allocates starts");
  for (int i = 0; i < 12; i++) {
    pid_t pid = fork();
    CHECK(pid >= 0, "fork succeeds beside busy threads");
    if (pid == 0) {
      alarm(100);
      pthread_t inner;
      child_thread(NULL);
      CHECK(pthread_create(&inner, NULL, child_thread, NULL) == 0, "the child can start a thread");
      pthread_join(inner, NULL);
      free(malloc(32 << 20)); // a profile of no sample is none
      if (getenv("HEAPTAP_RATE"))
        raise(SIGUSR1);
      claim("files 2");
      truth("site_child", 200, 1400000, 0, 0);
      exit(7);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
    CHECK(WIFEXITED(status), "no signal has ended the child");
    CHECK(WEXITSTATUS(status) == 7, "it exits with 7");
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < 4; i++)
    pthread_join(t[i], NULL);
  return 0;
}
