// SPDX-License-Identifier: MIT
// only: glibc
// Hazard 10: a signal handler that interrupted our hook forks, and before the child goes on the parent's region grows: the header, which
// the two share, then names more of the region than the child has mapped.
// Shows: the child finishes the hook, allocates, and exits.
// Runs over its own allocator, h20_allocator.c, for glibc's may not be interrupted by a fork.
// Seen failing without "a child copies no more than it has mapped" (mutants), in exact mode.
#include "steps.h"
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

static void *go(unsigned path, int depth, size_t n) {
  return depth ? steps[path & 3](path >> 2, depth - 1, n) : malloc(n);
}

enum { PATHS = 6000, DEPTH = 10 };
static int begin[2], grown[2];
static volatile int instruction, at;
static volatile pid_t child;

static void *grow(void *arg) {
  char c;
  for (unsigned first = 0; read(begin[0], &c, 1) == 1; first += PATHS) {
    for (unsigned i = 0; i < PATHS; i++) {
      void *held = go(first + i, DEPTH, 40);
      STAY(held);
    }
    CHECK(write(grown[1], &c, 1) == 1, "the child may go on");
  }
  return NULL;
}

// Of fork(3), in the child: before fork returns to what called it.
static void wait_in_child(void) {
  char c;
  if (at)
    CHECK(read(grown[0], &c, 1) == 1, "the parent's region has grown");
}

static void after_instruction(int sig, siginfo_t *info, void *context) {
  if (++instruction != at)
    return;
  child = fork();
  CHECK(child >= 0, "fork succeeds");
  if (child)
    CHECK(write(begin[1], "", 1) == 1, "the other thread begins");
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100L; // no more steps
}

int main(void) {
  alarm(100);
  pthread_t t;
  struct sigaction action = {.sa_sigaction = after_instruction, .sa_flags = SA_SIGINFO};
  int forks = 0;
  CHECK(sigaction(SIGTRAP, &action, NULL) == 0, "the handler of SIGTRAP is set");
  CHECK(pipe(begin) == 0 && pipe(grown) == 0, "the pipes are made");
  CHECK(pthread_atfork(NULL, NULL, wait_in_child) == 0, "the child's handler is set");
  CHECK(pthread_create(&t, NULL, grow, NULL) == 0, "a thread starts");
  for (unsigned i = 0; i < 12; i++) {
    void *p;
    instruction = 0;
    child = -1;
    at = 30 + 70 * (int)i;
    STEPPED(p = go(i, 5, 4000));
    if (!child) {
      at = 0;
      free(p);
      for (unsigned k = 0; k < 100; k++)
        free(go(k, 5, 5000));
      _exit(7);
    }
    at = 0;
    if (child < 0) // the call has fewer instructions
      continue;
    int status;
    CHECK(waitpid(child, &status, 0) == child, "the child is there to wait for");
    CHECK(WIFEXITED(status), "no signal has ended it");
    CHECK(WEXITSTATUS(status) == 7, "it exits with 7");
    forks++;
    free(p);
  }
  CHECK(forks, "a handler has forked");
  return 0;
}
