// SPDX-License-Identifier: MIT
// allow-stderr leaves-regions (the profile stays there)
// no-profile
// Hazard 29: a limit on the size of files (RLIMIT_FSIZE): growing the region, or writing the dump, is SIGXFSZ.
// Shows: a program under such a limit exits as it would.
// Seen failing without "a limit on files is asked for" (mutants); and before the limit was asked for.
#include "hazard.h"

int main(int argc, char **argv) {
  if (argc == 1) {
    struct rlimit limit = {4096, 4096};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "the size of files is limited");
    execl("/proc/self/exe", argv[0], "limited", (char *)NULL);
    return 1;
  }
  void *kept[2000];
  for (int i = 0; i < 2000; i++)
    kept[i] = malloc(2000 + (size_t)i);
  for (int i = 0; i < 2000; i++)
    free(kept[i]);
  return 11;
}
