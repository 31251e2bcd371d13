// SPDX-License-Identifier: MIT
// Allocates and frees in its own scope or namespace. Loaded by h22_deepbind.c.
#include "hazard.h"
#define PUBLIC __attribute__((visibility("default")))
PUBLIC void *plugin_make(size_t n);
PUBLIC void plugin_drop(void *p);
PUBLIC char *plugin_text(void);
PUBLIC void *plugin_malloc(void);

PUBLIC void *plugin_make(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
PUBLIC void plugin_drop(void *p) { free(p); }
PUBLIC void *plugin_malloc(void) { return (void *)malloc; }
PUBLIC char *plugin_text(void) { return strdup("a text that the main program frees"); }
