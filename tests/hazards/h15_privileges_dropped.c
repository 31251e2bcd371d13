// SPDX-License-Identifier: MIT
// allow-stderr leaves-regions (the profile stays there)
// Hazard 15: privileges are dropped after start: the output directory may not be written any more.
// Shows: the program goes on and exits as it would; what cannot be written costs one line.
// Seen failing without "a dump that cannot be written is no matter" (mutants).
#include "hazard.h"
#include <grp.h>

int main(void) {
  void *kept[40];
  for (int i = 0; i < 20; i++)
    kept[i] = malloc(50000);
  if (geteuid() == 0) {
    CHECK(setgroups(0, NULL) == 0, "the groups are dropped");
    CHECK(setresgid(65534, 65534, 65534) == 0, "the group is dropped");
    CHECK(setresuid(65534, 65534, 65534) == 0, "the user is dropped");
    CHECK(setuid(0) == -1, "the dropped privileges do not come back");
  }
  for (int i = 20; i < 40; i++)
    kept[i] = malloc(50000);
  for (int i = 0; i < 40; i++) {
    STAY(kept[i]);
    free(kept[i]);
  }
  errno = 0;
  return 6;
}
