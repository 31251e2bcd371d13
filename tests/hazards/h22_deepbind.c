// SPDX-License-Identifier: MIT
// Hazard 22: RTLD_DEEPBIND and dlmopen: code that does not call our hooks, and its blocks that come to us.
// Shows: blocks cross from a deep-bound plugin to the program and back; a plugin of another namespace works by itself.
// Over another allocator than glibc a block that crosses from a deep-bound plugin ends the program without us too, so that there
// each side keeps its own. The plugin is bound past us, as its caller asked: flags are passed on. Seen failing without "a block that is not ours is the allocator's" and "dlopen
// has the program's flags" (mutants).
#include "hazard.h"
#include <dlfcn.h>

static void use(void *h, int deep, int cross) {
  if (!h)
    say(2, "%s\n", dlerror());
  CHECK(h, "the plugin loads");
  // What its malloc is bound to is not in the global scope's first place: not ours.
  void *(*bound)(void) = (void *(*)(void))dlsym(h, "plugin_malloc");
  Dl_info info;
  CHECK(bound, "the plugin's function is found");
  CHECK(dladdr(bound(), &info), "the loader knows the object of its malloc");
  CHECK(strstr(info.dli_fname, "libc.so"), "that object is libc");
  void *(*make)(size_t) = (void *(*)(size_t))dlsym(h, "plugin_make");
  void (*drop)(void *) = (void (*)(void *))dlsym(h, "plugin_drop");
  char *(*text)(void) = (char *(*)(void))dlsym(h, "plugin_text");
  CHECK(make, "the plugin has a function that allocates");
  CHECK(drop, "one that frees");
  CHECK(text, "one that returns a string");
  void *p[100];
  for (int i = 0; i < 100; i++)
    p[i] = make(5000 + (size_t)i);
  if (cross) {
    for (int i = 0; i < 100; i += 2) {
      p[i] = realloc(p[i], 10000);
      CHECK(malloc_usable_size(p[i]) >= 10000, "a block of the plugin has the size that was asked for");
    }
    for (int i = 0; i < 100; i++)
      i % 3 ? drop(p[i]) : free(p[i]);
    for (int i = 0; i < 100; i++)
      drop(malloc(7000));
  } else {
    for (int i = 0; i < 100; i++)
      drop(p[i]);
  }
  // strdup is the C library's, whose malloc is the program's, in the program's namespace.
  deep ? free(text()) : drop(text());
}

int main(void) {
  char path[4096];
  const char *allocator = getenv("H_ALLOCATOR");
  snprintf(path, sizeof path, "%s/libh22_plugin.so", getenv("H_PROGRAMS"));
  use(dlopen(path, RTLD_NOW | RTLD_DEEPBIND), 1, !allocator || strcmp(allocator, "glibc") == 0);
  use(dlmopen(LM_ID_NEWLM, path, RTLD_NOW), 0, 0);
  return 0;
}
