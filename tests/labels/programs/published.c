// SPDX-License-Identifier: MIT
// published [LIBRARY]: labels that the program, a library that it starts with, or one that it loads publishes. Allocates by take(), 100 bytes
// each time, the numbers of which test_published.py knows.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "publisher.h"

static void (*publish)(const char *, const char *const *, unsigned, int, int);
static void (*attach)(struct otel_record *);
static void (*attach_custom)(struct custom_set *);

__attribute__((noinline, noclone)) static void take(int n) {
  for (int i = 0; i < n; i++) {
    void *p = malloc(100);
    __asm__ volatile("" : "+r"(p)::"memory");
    free(p);
  }
}

static void add(struct otel_record *r, uint8_t key, const char *value, size_t n) {
  r->attributes[r->size] = key;
  r->attributes[r->size + 1] = (uint8_t)n;
  memcpy(r->attributes + r->size + 2, value, n);
  r->size = (uint16_t)(r->size + 2 + n);
}

static void *otel_thread(void *arg) {
  static __thread struct otel_record mine;
  take(1); // no context yet
  memset(&mine, 0, sizeof mine);
  mine.valid = 1;
  add(&mine, 1, arg, strlen(arg));
  attach(&mine);
  take(6);
  attach(NULL);
  take(1);
  return NULL;
}

static void otel(void) {
  static const char *const keys[] = {"secret", "route", "tenant", "late"};
  static struct otel_record r;
  pthread_t t[2];
  take(1);
  r.valid = 1;
  add(&r, 0, "not asked for", 13);
  add(&r, 1, "/a", 2);
  add(&r, 200, "no key has this number", 22);
  attach(&r);
  take(1); // the keys are not known
  publish("nodejs_v1_dev", keys, 3, 1, 0);
  take(1); // nor by another schema
  publish("tlsdesc_v1_dev", keys, 2, 0, 0);
  take(2);
  add(&r, 2, "t", 1);
  take(1); // its key is not there yet
  publish("tlsdesc_v1_dev", keys, 3, 1, 1);
  take(3);
  add(&r, 1, "/b", 2); // the last one counts
  take(4);
  r.valid = 0;
  take(1);
  r.valid = 1;
  for (int i = 0; i < 2; i++)
    if (pthread_create(&t[i], NULL, otel_thread, i ? (void *)"/t1" : (void *)"/t0"))
      abort();
  for (int i = 0; i < 2; i++)
    pthread_join(t[i], NULL);
  // A child goes on; nothing changes for its parent.
  pid_t pid = fork();
  if (!pid) {
    take(7);
    _exit(0);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid || status)
    abort();
  attach(NULL);
  take(1);
}

#define TEXT(s)                                                                                                        \
  { sizeof s - 1, s }

static void custom(void) {
  static struct custom_label labels[] = {{TEXT("route"), TEXT("/c")},
                                         {{5, NULL}, TEXT("of no key")},
                                         {TEXT("route"), TEXT("a second one")},
                                         {TEXT("tenant"), TEXT("u")},
                                         {TEXT("secret"), TEXT("not asked for")}};
  static struct custom_set set = {labels, 5, 5}, one = {labels, 1, 5}, none = {NULL, 0, 0};
  take(1);
  attach_custom(&set);
  take(8);
  attach_custom(&one);
  take(9);
  attach_custom(&none);
  take(1);
  attach_custom(NULL);
}

// Pointers that lead nowhere, and records that say too much. Each allocation counts for no label, or for what is whole.
static void hostile(void) {
  char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    abort();
  munmap(page + 4096, 4096);
  char *end = page + 4096;
  // clang-format off
  const uintptr_t bad[] = {1, 8, 4095, (uintptr_t)end, (uintptr_t)end - 8, (uintptr_t)end - 27, 0x4141414141414141, 0x8000000000000000, -1ul, -4096ul, -28ul};
  // clang-format on
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    attach((struct otel_record *)bad[i]);
    take(1);
    attach(NULL);
    attach_custom((struct custom_set *)bad[i]);
    take(1);
    struct custom_label label = {{5, (const char *)bad[i]}, {3, "bad"}},
                        other = {{5, "route"}, {1000, (const char *)bad[i]}};
    struct custom_set set = {&label, 1, 1};
    attach_custom(&set);
    take(1);
    set.storage = &other;
    take(1);
    set = (struct custom_set){(struct custom_label *)bad[i], 100, 100};
    take(1);
    set = (struct custom_set){&other, (size_t)-1, 1};
    take(1);
    attach_custom(NULL);
  }
  // A record whose attributes end beyond the page, and one whose last attribute is cut.
  struct otel_record *r = (struct otel_record *)(end - 40);
  memset(r, 0, 40);
  r->valid = 1;
  r->size = 600;
  attach(r);
  take(1);
  r->size = 12;
  memcpy(r->attributes, "\001\002/w\001\377cut...", 12);
  take(5); // "/w"
  r->valid = 2;
  take(1);
  r->valid = 1;
  r->size = 1;
  take(1);
  attach((struct otel_record *)((char *)r + 1));
  take(1);
  attach(NULL);
  // Contexts that are none.
  static const char *const keys[] = {"secret", "route", "tenant"};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
    publish((i & 1) ? "tls_v1" : "tlsdesc_v1_dev", keys, 3, i & 2, i & 4);
}

int main(int argc, char **argv) {
  publish = publish_context;
  attach = attach_record;
  attach_custom = attach_set;
  if (argc > 1) {
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library) {
      fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    *(void **)&publish = dlsym(library, "publish_context");
    *(void **)&attach = dlsym(library, "attach_record");
    *(void **)&attach_custom = dlsym(library, "attach_set");
  }
  otel();
  custom();
  hostile();
  return 0;
}
