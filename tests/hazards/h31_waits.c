// SPDX-License-Identifier: MIT
// Allocates, and again when its standard input ends. Run by h31_binary_replaced.sh.
#include "hazard.h"

NOINLINE static void *site_early(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

int main(void) {
  char c;
  for (int i = 0; i < 200; i++) {
    void *p = site_early(100000);
    STAY(p);
  }
  while (read(0, &c, 1) > 0)
    ;
  for (int i = 0; i < 100; i++) {
    void *p = malloc(40000);
    STAY(p);
  }
  return 0;
}
