// SPDX-License-Identifier: MIT
// only: glibc
// Hazard 20: a signal handler allocates and frees while its thread is inside our hook.
// Shows: no crash and no deadlock; all blocks are free at the end, and none is left in the profile: no free was lost. By signals
// from another thread, and by one after each single instruction of malloc, calloc, realloc and free.
// Runs over its own allocator, h20_allocator.c, for glibc's may not be called from a handler.
// And that the thread goes on being sampled: in exact mode no allocation of its own is missing.
// Seen failing without "a lock is tried, not waited for", "a free that finds its shard locked is remembered" and "the distance is
// drawn anew after an allocation inside a hook" (mutants); and before the library left its own frames out of the stacks of
// handlers that interrupt it.
#include "hazard.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_int stop;
static _Atomic long handled, made, made_bytes;
static void *volatile shelf[64];

NOINLINE static void *site_handler(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_thread(size_t n) {
  void *p = malloc(n);
  atomic_fetch_add(&made, 1);
  atomic_fetch_add(&made_bytes, (long)n);
  STAY(p);
  return p;
}
static void handler(int sig) {
  long i = atomic_fetch_add(&handled, 1);
  free(site_handler(3000));
  void *old = atomic_exchange((_Atomic(void *) *)&shelf[i % 64], site_handler(5000));
  free(old);
}
static void *work(void *arg) {
  for (int i = 0; !atomic_load(&stop); i++) {
    void *p = site_thread(4000 + (size_t)i % 4000);
    p = realloc(p, 9000);
    free(p);
    free(atomic_exchange((_Atomic(void *) *)&shelf[i % 64], site_thread(6000)));
  }
  return NULL;
}

// After each instruction while the trap flag is set. At some, in turn, a sampled block is freed that lies beside what the interrupted
// call has in hand: it is found by the same lock. Fewer than the 64 that are remembered, for a table that doubles is locked long.
enum { POOL = 48, GAP = 64 };
static void *pool[POOL];
static volatile int pooled, instruction, phase;
static void after_instruction(int sig) {
  if (instruction++ % GAP == phase && pooled)
    free(pool[--pooled]);
  if (instruction % 64 == phase)
    free(site_handler(300));
}
#define EACH_INSTRUCTION(call)                                                                                         \
  do {                                                                                                                 \
    while (pooled < POOL)                                                                                              \
      pool[pooled++] = site_thread(100);                                                                               \
    instruction = 0;                                                                                                   \
    STEPPED(call);                                                                                                     \
  } while (0)

static void single_steps(void) {
  struct sigaction action = {.sa_handler = after_instruction};
  CHECK(sigaction(SIGTRAP, &action, NULL) == 0, "the handler of SIGTRAP is set");
  for (phase = 0; phase < GAP; phase += 3) {
    void *p, *q;
    EACH_INSTRUCTION(p = site_thread(4000));
    EACH_INSTRUCTION(p = realloc(p, 9000));
    EACH_INSTRUCTION(q = calloc(3, 1000));
    EACH_INSTRUCTION(free(p));
    CHECK(instruction > 3, "instructions were stepped over");
    free(q);
  }
  while (pooled)
    free(pool[--pooled]);
}

int main(void) {
  alarm(100);
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGUSR2, &action, NULL) == 0, "the handler of SIGUSR2 is set");
  pthread_t t[2];
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&t[i], NULL, work, NULL) == 0, "a thread starts");
  for (int i = 0; i < 4000; i++) {
    pthread_kill(t[i % 2], SIGUSR2);
    if (i % 8 == 0)
      usleep(20);
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < 2; i++)
    pthread_join(t[i], NULL);
  for (int i = 0; i < 64; i++)
    free(shelf[i]);
  single_steps();
  // What is allocated inside our hook is dropped and counted, but no free is.
  truth("site_handler", -1, -1, 0, 0);
  truth("leaf:site_thread", made, made_bytes, 0, 0);
  return 0;
}
