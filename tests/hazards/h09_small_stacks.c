// SPDX-License-Identifier: MIT
// Hazard 9: coroutines on 16 KiB stacks, and signal stacks.
// Shows: a 16 KiB coroutine samples cold without reaching its guard page; warm, a sample takes at most 4 KiB of stack more
// than the bare allocator. Seen failing without "little stack" (mutants).
#include "hazard.h"
#include <signal.h>
#include <ucontext.h>

enum { SIZE = 16 << 10 };
static ucontext_t outside, inside;
static volatile int calls;

NOINLINE static void *site_coroutine(void) {
  void *p = malloc(9000);
  STAY(p);
  return p;
}
static void coroutine(void) {
  for (int i = 0; i < calls; i++)
    free(site_coroutine());
}
static void run_on(char *stack, int n) {
  CHECK(getcontext(&inside) == 0, "the context is read");
  inside.uc_stack.ss_sp = stack;
  inside.uc_stack.ss_size = SIZE;
  inside.uc_link = &outside;
  calls = n;
  makecontext(&inside, coroutine, 0);
  CHECK(swapcontext(&outside, &inside) == 0, "the context on the small stack runs and comes back");
}
static void handler(int sig) { free(site_coroutine()); }

int main(void) {
  char *area = mmap(NULL, 3 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *stack = area + SIZE;
  CHECK(mprotect(stack, SIZE, PROT_READ | PROT_WRITE) == 0, "the stack's pages are readable");
  run_on(stack, 500);
  for (int round = 0; round < 20; round++) {
    memset(stack, 0x5a, SIZE);
    run_on(stack, 400);
    size_t untouched = 0;
    while (untouched < SIZE && stack[untouched] == 0x5a)
      untouched++;
    // 1.5 KiB for the context's own frames and the bare allocator, measured without the library at 1.2 KiB.
    CHECK(SIZE - untouched <= 4096 + 1536, "a sample takes at most a page and 1,536 bytes of stack");
  }
  stack_t alternative = {.ss_sp = stack, .ss_size = SIZE};
  CHECK(sigaltstack(&alternative, NULL) == 0, "the alternative signal stack is set");
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  CHECK(sigaction(SIGUSR2, &action, NULL) == 0, "the handler of SIGUSR2 is set");
  for (int i = 0; i < 300; i++)
    raise(SIGUSR2);
  truth("site_coroutine", 500 + 20 * 400 + 300, 9000 * (500 + 20 * 400 + 300), 0, 0);
  return 0;
}
