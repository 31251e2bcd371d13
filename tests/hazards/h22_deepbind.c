// SPDX-License-Identifier: MIT
// Hazard 22: RTLD_DEEPBIND and dlmopen: code that does not call our hooks, and its blocks that come to us.
// Shows: blocks cross from a deep-bound plugin to the program and back; a plugin of another namespace works by itself.
// Over other allocators than glibc a deep-bound plugin fails without us too, and the runner leaves it out. Not yet seen failing.
#include "hazard.h"
#include <dlfcn.h>

static void use(void *h, int cross) {
  CHECK(h);
  void *(*make)(size_t) = (void *(*)(size_t))dlsym(h, "plugin_make");
  void (*drop)(void *) = (void (*)(void *))dlsym(h, "plugin_drop");
  char *(*text)(void) = (char *(*)(void))dlsym(h, "plugin_text");
  CHECK(make && drop && text);
  void *p[100];
  for (int i = 0; i < 100; i++)
    p[i] = make(5000 + (size_t)i);
  if (cross) {
    for (int i = 0; i < 100; i += 2) {
      p[i] = realloc(p[i], 10000);
      CHECK(malloc_usable_size(p[i]) >= 10000);
    }
    for (int i = 0; i < 100; i++)
      i % 3 ? drop(p[i]) : free(p[i]);
    for (int i = 0; i < 100; i++)
      drop(malloc(7000));
    free(text());
  } else {
    for (int i = 0; i < 100; i++)
      drop(p[i]);
    drop(text());
  }
}

int main(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/libh22_plugin.so", getenv("H_PROGRAMS"));
  use(dlopen(path, RTLD_NOW | RTLD_DEEPBIND), 1);
  use(dlmopen(LM_ID_NEWLM, path, RTLD_NOW), 0);
  return 0;
}
