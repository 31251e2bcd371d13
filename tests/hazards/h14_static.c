// SPDX-License-Identifier: MIT
// A static program: the preload does not reach it. Run by h14_not_profiled.c.
#include <stdlib.h>
int main(void) {
  void *volatile p = malloc(1000000);
  free(p);
  return 4;
}
