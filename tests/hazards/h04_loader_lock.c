// SPDX-License-Identifier: MIT
// Hazard 4: dl_iterate_phdr's lock: a thread inside dlopen waits for a thread that samples (AB/BA).
// Shows: a thread samples cold stacks to the end while another holds the loader's lock.
// Seen failing without "no loader's lock on a sample" (mutants).
#include "hazard.h"
#include <dlfcn.h>
#include <link.h>
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
    CHECK(regcomp(&re, "(a|b)*c[d-z]+(e.*f){1,40}", REG_EXTENDED) == 0, "the expression is compiled");
    regfree(&re);
  }
  atomic_store(&loader_state, 2);
  return NULL;
}

// dl_iterate_phdr holds the lock of the loader's list while it calls back; dlopen holds another during constructors.
static int wait_in_callback(struct dl_phdr_info *info, size_t size, void *arg) {
  atomic_store(&loader_state, 1);
  while (atomic_load(&loader_state) != 2)
    usleep(100);
  return 1;
}

int main(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/libh04_plugin.so", getenv("H_PROGRAMS"));
  alarm(100);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, sample, NULL) == 0, "the sampling thread starts");
  void *h = dlopen(path, RTLD_NOW);
  CHECK(h, "the plugin loads while the other thread samples");
  pthread_join(thread, NULL);
  dlclose(h);
  atomic_store(&loader_state, 0);
  CHECK(pthread_create(&thread, NULL, sample, NULL) == 0, "the sampling thread starts once more");
  dl_iterate_phdr(wait_in_callback, NULL);
  pthread_join(thread, NULL);
  return 0;
}
