// SPDX-License-Identifier: MIT
// Allocates, makes the file that H_READY names, and allocates again at the end of its standard input. Run by h31_binary_replaced.sh
// and other scripts that need a process that stays until they have looked at it.
#include "hazard.h"
#include <fcntl.h>

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
  const char *ready = getenv("H_READY");
  if (ready)
    close(open(ready, O_WRONLY | O_CREAT, 0600));
  while (read(0, &c, 1) > 0)
    ;
  for (int i = 0; i < 100; i++) {
    void *p = malloc(40000);
    STAY(p);
  }
  return 0;
}
