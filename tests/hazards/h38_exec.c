// SPDX-License-Identifier: MIT
// Hazard 38: a profiled process execs without exit, itself included.
// Shows: what the old image held is not lost, and the new one starts its own profile.
// Seen failing without "the old image's region is looked for" (mutants); and while the two images' files were told apart by a finer clock than files have.
#include "hazard.h"

NOINLINE static void *site_before(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_after(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

int main(int argc, char **argv) {
  void *p;
  if (argc == 1) {
    for (int i = 0; i < 50; i++)
      p = site_before(60000);
    STAY(p);
    truth("site_before", 50, 3000000, 50, 3000000);
    // A failed exec must not end the profile.
    CHECK(execl("/nonexistent/program", "program", (char *)NULL) == -1, "exec of no program returns");
    CHECK(errno == ENOENT, "errno says that it does not exist");
    execl("/proc/self/exe", argv[0], "again", (char *)NULL);
    return 1;
  }
  for (int i = 0; i < 30; i++)
    p = site_after(40000);
  STAY(p);
  truth("site_after", 30, 1200000, 30, 1200000);
  return 12;
}
