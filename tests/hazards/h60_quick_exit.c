// SPDX-License-Identifier: MIT
// Hazard 60: the program leaves by quick_exit(3), which runs no destructor and calls libc's own _exit.
// Shows: its profile is written all the same, with what the program's own quick handlers allocate, once.
// Seen failing without "quick_exit is told of" (mutants).
#include "hazard.h"

NOINLINE static void *site_before(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_handler(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
static void handler(void) {
  void *p = site_handler(70000);
  STAY(p);
  say(1, "handler\n");
}

int main(void) {
  void *p;
  for (int i = 0; i < 50; i++)
    p = site_before(60000);
  STAY(p);
  truth("site_before", 50, 3000000, 50, 3000000);
  truth("site_handler", 1, 70000, 1, 70000);
  claim("files 1");
  CHECK(at_quick_exit(handler) == 0, "the handler of quick_exit is registered");
  quick_exit(12);
}
