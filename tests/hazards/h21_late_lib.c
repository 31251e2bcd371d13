// SPDX-License-Identifier: MIT
// A library whose destructor allocates and frees: it runs after those of what LD_PRELOAD names.
#include "hazard.h"
__attribute__((visibility("default"))) void late_keep(void *p);

static void *kept[8];
static int n;

void late_keep(void *p) { kept[n++] = p; }

__attribute__((destructor)) static void late(void) {
  for (int i = 0; i < n; i++)
    free(kept[i]);
  for (int i = 0; i < 1000; i++) {
    char *p = malloc((size_t)i * 100 + 1);
    STAY(p);
    p = realloc(p, 300000);
    CHECK(p, "realloc succeeds in a destructor that runs late");
    *p = 1;
    free(p);
  }
}
