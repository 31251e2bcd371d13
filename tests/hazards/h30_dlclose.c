// SPDX-License-Identifier: MIT
// Hazard 30: a library is closed and another loaded at its addresses.
// Shows: what each generation allocated stands under its own function.
// Seen failing without "a library is told from the next at its place" (mutants).
#include "hazard.h"
#include <dlfcn.h>

int main(void) {
  void *kept[40];
  for (int i = 0; i < 40; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/libh30_plugin_%c.so", getenv("H_PROGRAMS"), i % 2 ? 'b' : 'a');
    void *h = dlopen(path, RTLD_NOW);
    CHECK(h, "the plugin loads");
    void *(*make)(size_t) = (void *(*)(size_t))dlsym(h, "plugin_make");
    CHECK(make, "the plugin has the function");
    kept[i] = make(i % 2 ? 6000 : 5000);
    for (int k = 0; k < 10; k++)
      free(make(3000));
    CHECK(dlclose(h) == 0, "the plugin unloads");
  }
  truth("site_plugin_a", 20 * 11, 20 * 35000, 20, 100000);
  truth("site_plugin_b", 20 * 11, 20 * 36000, 20, 120000);
  STAY(kept[0]);
  return 0;
}
