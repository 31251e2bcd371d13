// SPDX-License-Identifier: MIT
// Allocates when its standard input ends. Run by h31_binary_replaced.sh.
#include "hazard.h"

int main(void) {
  char c;
  while (read(0, &c, 1) > 0)
    ;
  for (int i = 0; i < 100; i++) {
    void *p = malloc(40000);
    STAY(p);
  }
  return 0;
}
