// SPDX-License-Identifier: MIT
// Allocates, in the root named by its argument when there is one, and ends by the signal H_DIE, or by _exit(9) if that is its word. Run
// by h17 and others that set the stage outside the program.
#include "hazard.h"
#include <signal.h>

NOINLINE static void *site_work(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

int main(int argc, char **argv) {
  void *kept[200];
  unsigned sum = 0;
  for (int i = 0; i < 400; i++) {
    if (i == 200 && argc > 1) {
      CHECK(chroot(argv[1]) == 0, "the root directory is changed");
      CHECK(chdir("/") == 0, "it is entered");
    }
    if (i >= 200)
      free(kept[i - 200]);
    kept[i % 200] = site_work(20000);
    memset(kept[i % 200], i, 20000);
    sum += *(unsigned char *)kept[i % 200];
  }
  printf("%u\n", sum);
  if (getenv("H_DIE")) {
    fflush(stdout);
    if (atoi(getenv("H_DIE")))
      raise(atoi(getenv("H_DIE")));
    _exit(9);
  }
  return 0;
}
