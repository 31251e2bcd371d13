// SPDX-License-Identifier: MIT
// Hazard 1: memory is asked for before the real functions are known (by dlsym itself, by constructors of libraries).
// Shows: blocks had that early keep their contents, their usable size, and can be realloced and freed for ever.
// Seen failing without "free knows the arena's blocks" (mutants).
#include "hazard.h"
#include <dlfcn.h>
extern void *early_blocks[64];

int main(void) {
  for (int i = 0; i < 64; i++) {
    unsigned char *p = early_blocks[i];
    for (int k = 0; k < 40; k++)
      CHECK(p[k] == i + 1, "a block allocated early keeps its contents");
    CHECK(malloc_usable_size(p) >= 40, "an early block has the size that was asked for");
  }
  // A failing dlsym allocates its message, and frees it later.
  for (int i = 0; i < 100; i++) {
    CHECK(!dlsym(RTLD_DEFAULT, "no_such_function"), "a name that does not exist is not found");
    CHECK(dlerror(), "dlerror has a message for it");
  }
  for (int i = 0; i < 64; i++) {
    unsigned char *p = realloc(early_blocks[i], 20000);
    CHECK(p, "realloc of an early block succeeds");
    for (int k = 0; k < 40; k++)
      CHECK(p[k] == i + 1, "realloc of an early block keeps its contents");
    free(p);
  }
  return 0;
}
