// SPDX-License-Identifier: MIT
// Part of hazard 67 (h67_unlinked.sh): loads the library argv[1], removes the file, and allocates in it; waits for the end of its input.
#include "hazard.h"
#include <dlfcn.h>

int main(int argc, char **argv) {
  void *h = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!h)
    return 2;
  void *(*make)(size_t) = (void *(*)(size_t))dlsym(h, "unlinked_make");
  void *(*hidden)(size_t) = (void *(*)(size_t))dlsym(h, "unlinked_hidden");
  if (unlink(argv[1]))
    return 3;
  void *kept[20];
  for (int i = 0; i < 20; i++) {
    kept[i] = make(6000);
    STAY(kept[i]);
    kept[i] = hidden(7000);
    STAY(kept[i]);
  }
  char c;
  if (write(1, "ready\n", 6) != 6)
    return 4;
  while (read(0, &c, 1) > 0)
    ;
  return 0;
}
