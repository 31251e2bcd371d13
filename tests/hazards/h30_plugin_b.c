// SPDX-License-Identifier: MIT
// One of two libraries of the same shape, loaded in turn at the same address by h30_dlclose.c.
#include "hazard.h"
__attribute__((visibility("default"))) void *plugin_make(size_t n);
NOINLINE static void *site_plugin_b(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
void *plugin_make(size_t n) {
  void *p = site_plugin_b(n);
  STAY(p);
  return p;
}
