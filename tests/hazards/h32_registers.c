// SPDX-License-Identifier: MIT
// Hazard 32: floating-point state changed on the malloc path (log() of the sampler raises flags, or traps).
// Shows: rounding mode and flags are what they were, with every trap enabled, sampled or not; x87 and SSE alike.
// Seen failing without "the floating-point state is put back by the draw" and "... by the weights" (mutants).
#include "hazard.h"
#include <fenv.h>

int main(void) {
  for (int round = 0; round < 4; round++) {
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    CHECK(fesetround(modes[round]) == 0, "the rounding mode is set");
    for (int i = 0; i < 400; i++) {
      feclearexcept(FE_ALL_EXCEPT);
      if (i % 2)
        feenableexcept(FE_ALL_EXCEPT);
      void *p = malloc(5000 + (size_t)i * 100);
      STAY(p);
      p = realloc(p, 200000);
      STAY(p);
      free(p);
      fedisableexcept(FE_ALL_EXCEPT);
      CHECK(fetestexcept(FE_ALL_EXCEPT) == 0, "a sample raises no floating-point exception");
      CHECK(fegetround() == modes[round], "a sample leaves the rounding mode");
    }
  }
  return 0;
}
