// SPDX-License-Identifier: MIT
// Hazard 4: dl_iterate_phdr's lock: a thread inside dlopen waits for a thread that samples (AB/BA).
// Shows: a thread samples cold stacks to the end while another holds the loader's lock.
// Not yet seen failing.
#include "hazard.h"
#include <dlfcn.h>
#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
__attribute__((visibility("default"))) atomic_int loader_state;

// Cold code in another library: regcomp and qsort call back and allocate in libc.
static int compare(const void *a, const void *b) {
  char *p = malloc(3000);
  STAY(p);
  free(p);
  return *(const int *)a - *(const int *)b;
}
static void *sample(void *arg) {
  while (atomic_load(&loader_state) != 1)
    usleep(100);
  int numbers[2000];
  for (int i = 0; i < 2000; i++)
    numbers[i] = i * 7919 % 2003;
  qsort(numbers, 2000, sizeof *numbers, compare);
  for (int i = 0; i < 200; i++) {
    regex_t re;
    CHECK(regcomp(&re, "(a|b)*c[d-z]+(e.*f){1,40}", REG_EXTENDED) == 0);
    regfree(&re);
  }
  atomic_store(&loader_state, 2);
  return NULL;
}

int main(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/libh04_plugin.so", getenv("H_PROGRAMS"));
  alarm(20);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, sample, NULL) == 0);
  void *h = dlopen(path, RTLD_NOW);
  CHECK(h);
  pthread_join(thread, NULL);
  dlclose(h);
  return 0;
}
