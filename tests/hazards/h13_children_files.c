// SPDX-License-Identifier: MIT
// Hazard 13: children write over one file; a name computed before the fork.
// Shows: eight children that exit at once leave eight whole files, each of its own process.
// Seen failing without "the name is made when the file is written" (mutants).
#include "hazard.h"

NOINLINE static void *site_child(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

int main(void) {
  pid_t children[8];
  for (int i = 0; i < 8; i++) {
    children[i] = fork();
    CHECK(children[i] >= 0, "fork succeeds");
    if (children[i] == 0) {
      for (int k = 0; k <= i; k++) {
        void *p = site_child(100000);
        STAY(p);
      }
      truth("site_child", i + 1, 100000L * (i + 1), i + 1, 100000L * (i + 1));
      exit(i);
    }
  }
  for (int i = 0; i < 8; i++) {
    int status;
    CHECK(waitpid(children[i], &status, 0) == children[i], "the child is there to wait for");
    CHECK(WEXITSTATUS(status) == i, "it exits with its number");
  }
  return 0;
}
