// SPDX-License-Identifier: MIT
// Hazard 6: code without unwind data (a JIT's), garbage in the frame pointer, a stack that ends abruptly.
// Shows: sampling under such frames gives a short stack and never a fault.
// Seen failing without "reads are checked before they are made" (mutants); and before code in no object had a mapping.
#include "hazard.h"
#include <pthread.h>

typedef void *(*trampoline)(void *(*f)(size_t), size_t n, uintptr_t rbp);

// push rbp; push rbx; mov rbp, rdx; mov rax, rdi; mov rdi, rsi; sub rsp, 8; call rax; add rsp, 8; pop rbx; pop rbp; ret
static const unsigned char code[] = {0x55, 0x53, 0x48, 0x89, 0xd5, 0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48,
                                     0x83, 0xec, 0x08, 0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0x5b, 0x5d, 0xc3};

NOINLINE static void *allocate(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

static char *jit, *none;
static void *(*volatile top_function)(size_t) = allocate;

// Calls f on a stack that ends just above its frame: the unwinder must not read beyond.
NOINLINE static void at_the_edge(char *stack_end, void *garbage) {
  __asm__ volatile("mov %%rsp, %%r12\n\t" // below it lies the red zone
                   "mov %0, %%rsp\n\t"
                   "push %1\n\t"
                   "push %1\n\t"
                   "mov $5000, %%edi\n\t"
                   "call *%2\n\t"
                   "mov %%rax, %%rdi\n\t"
                   "call free\n\t"
                   "mov %%r12, %%rsp\n\t"
                   :
                   : "r"(stack_end), "r"(garbage), "r"(top_function)
                   : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "memory", "cc");
}

static void *work(void *arg) {
  // clang-format off
  uintptr_t garbage[] = {0, 1, 8, 0x1234, (uintptr_t)none, (uintptr_t)none + 4088, (uintptr_t)-16, 0x7fffffffffff, (uintptr_t)&garbage,
                         (uintptr_t)jit, 0x8000000000000000};
  // clang-format on
  for (int round = 0; round < 50; round++)
    for (size_t g = 0; g < sizeof garbage / sizeof *garbage; g++) {
      char *p = ((trampoline)jit)(allocate, 3000 + g, garbage[g]);
      CHECK(p, "malloc succeeds under damaged unwind tables");
      memset(p, 1, 3000);
      free(p);
    }
  return NULL;
}

int main(void) {
  jit = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (jit == MAP_FAILED)
    skip("no writable and executable memory here");
  none = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(jit, code, sizeof code);
  char *stack = mmap(NULL, 256 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(stack + (192 << 10), 64 << 10, PROT_NONE);
  void *garbage[] = {NULL, (void *)1, none, jit, stack + (192 << 10) - 8, (void *)-8};
  work(NULL);
  for (size_t g = 0; g < sizeof garbage / sizeof *garbage; g++)
    for (int i = 0; i < 200; i++)
      at_the_edge(stack + (192 << 10), garbage[g]);
  pthread_t t;
  CHECK(pthread_create(&t, NULL, work, NULL) == 0, "the thread starts");
  pthread_join(t, NULL);
  return 0;
}
