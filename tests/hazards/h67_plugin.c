// SPDX-License-Identifier: MIT
// The library that h67_unlinks.c loads and removes: an exported function, and one that only .symtab names.
#include "hazard.h"
__attribute__((visibility("default"))) void *unlinked_make(size_t n);
__attribute__((visibility("default"))) void *unlinked_hidden(size_t n);
NOINLINE static void *site_local(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
void *unlinked_make(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
void *unlinked_hidden(size_t n) {
  void *p = site_local(n);
  STAY(p);
  return p;
}
