// SPDX-License-Identifier: MIT
// only: glibc
// Hazard 71: a free that was put off, because its thread had been interrupted with the block's lock held, slows down each free of
// the process from then on.
// A sampled block at an ordinary address closes the test that lets free() pass by everything else; the test opens again when the last
// of these blocks is gone, put off or not. Shows: free() takes as many instructions as before. Over an allocator of its own, as h20.
// Seen failing without "a free that was put off is counted as gone" (mutants).
#include "hazard.h"
#include <signal.h>

enum { POOL = 16, LARGE = 64 << 20, STEP = 3 };
static void *pool[POOL];
static volatile int pooled, instruction, phase;

static void after_instruction(int sig) {
  if (instruction++ == phase && pooled)
    free(pool[--pooled]);
}

NOINLINE static void *block(size_t n) {
  void *p = malloc(n);
  CHECK(p, "there is memory");
  STAY(p);
  return p;
}

// Of a free of a block that is not sampled: one that is takes more.
static int least_instructions(void) {
  int least = 1 << 30;
  phase = -1;
  for (int i = 0; i < 8; i++) {
    void *p = block(100);
    instruction = 0;
    STEPPED(free(p));
    least = instruction < least ? instruction : least;
  }
  return least;
}

// Samples enough without one at an ordinary address.
static void settle(void) {
  for (int i = 0; i < 150000; i++)
    free(block(1024));
}

static void put_off(void) {
  int last = 1000;
  for (phase = 0; phase < last; phase += STEP) {
    while (pooled < POOL)
      pool[pooled++] = block(LARGE);
    void *p = block(LARGE);
    instruction = 0;
    STEPPED(free(p));
    last = instruction < last ? instruction : last;
  }
}

int main(void) {
  alarm(100);
  struct sigaction action = {.sa_handler = after_instruction};
  CHECK(sigaction(SIGTRAP, &action, NULL) == 0, "the handler of SIGTRAP is set");
  least_instructions();
  settle();
  const int open = least_instructions();
  void *p = block(LARGE);
  const int closed = least_instructions();
  free(p);
  const char *rate = getenv("HEAPTAP_RATE");
  CHECK(!rate || strcmp(rate, "512k") != 0 || closed > open,
        "a sampled block at an ordinary address makes free() look");
  put_off();
  while (pooled)
    free(pool[--pooled]);
  settle();
  CHECK(least_instructions() == open, "free() takes as many instructions as before");
  return 0;
}
