// SPDX-License-Identifier: MIT
// Hazard 72: a program forbids itself to read the processor's time stamp counter (PR_SET_TSC; strict mode does it too), as against
// timing attacks. The instruction is fatal from then on, in the vDSO's finer clocks too.
// Shows: threads, a forked child and the last dump go on without it.
// Seen failing without "the counter is not read" and "a dump reads no finer clock" (mutants).
#include "hazard.h"
#include <pthread.h>
#include <sys/prctl.h>

NOINLINE static void *site(size_t n) {
  void *p = malloc(n);
  CHECK(p, "there is memory");
  STAY(p);
  return p;
}

static void *work(void *unused) {
  for (int i = 0; i < 100; i++)
    free(site(100000));
  return unused;
}

int main(void) {
  if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0))
    skip("the processor's counter cannot be forbidden here");
  pthread_t thread;
  work(NULL);
  CHECK(pthread_create(&thread, NULL, work, NULL) == 0, "a thread starts");
  pthread_join(thread, NULL);
  pid_t child = fork();
  CHECK(child >= 0, "fork succeeds");
  if (!child) {
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0, "a thread of the child starts");
    pthread_join(thread, NULL);
    return 3;
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child, "the child is there to wait for");
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3, "it ends as it would");
  truth("site", 200, 20000000, 0, 0);
  return 0;
}
