// SPDX-License-Identifier: MIT
// Four functions that call go, which the includer defines: each number is another path, of `depth` calls, so another stack.
#include "hazard.h"

typedef void *(*step)(unsigned path, int depth, size_t n);
static void *go(unsigned path, int depth, size_t n);
#define STEP(i)                                                                                                        \
  NOINLINE static void *step##i(unsigned path, int depth, size_t n) {                                                  \
    void *p = go(path, depth, n);                                                                                      \
    STAY(p);                                                                                                           \
    return p;                                                                                                          \
  }
STEP(0)
STEP(1)
STEP(2)
STEP(3)
static step steps[4] = {step0, step1, step2, step3};
