// SPDX-License-Identifier: MIT
// Loads the library named by its argument as late as can be, says how that went, and goes on. Run by h03_static_tls.sh.
#include "hazard.h"
#include <dlfcn.h>

int main(int argc, char **argv) {
  char *before[100], *after[100];
  for (int i = 0; i < 100; i++)
    before[i] = malloc(1000);
  void *handle = dlopen(argv[argc - 1], RTLD_NOW | RTLD_GLOBAL);
  const char *why = handle ? "loaded" : dlerror();
  CHECK(why, "dlopen loads the library, or dlerror says why not");
  say(1, "%s\n", why);
  for (int i = 0; i < 100; i++) {
    after[i] = malloc(100000);
    CHECK(after[i], "malloc succeeds after the late load");
    memset(after[i], 1, 100000);
    free(before[i]);
  }
  for (int i = 0; i < 100; i++)
    free(after[i]);
  return 0;
}
