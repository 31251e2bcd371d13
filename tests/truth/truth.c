// SPDX-License-Identifier: MIT
// Allocates at known sites and prints, as JSON, what each allocated and still holds: the truth that a profile is held against.
// Its own bookkeeping lies in mmapped memory, so that nothing but the sites allocates between start and end.
//   truth [--threads=N] [--scale=BYTES a site] [--bulk=CYCLES] [--unit=BYTES]
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Sites alike must not be folded into one.
#define SITE_ATTRIBUTES __attribute__((noinline, noclone, no_icf))
// Without the barrier a call in tail position becomes a jump, and the site leaves the stack.
#define SITE(name) static SITE_ATTRIBUTES void *name(size_t n)
#define KEEP(p)                                                                                                        \
  do {                                                                                                                 \
    __asm__ volatile("" : "+r"(p)::"memory");                                                                          \
    return p;                                                                                                          \
  } while (0)

SITE(site_small) {
  void *p = malloc(n);
  KEEP(p);
}
SITE(site_medium) {
  void *p = malloc(n);
  KEEP(p);
}
SITE(site_large) {
  void *p = malloc(n);
  KEEP(p);
}
SITE(site_zero) {
  void *p = malloc(n);
  KEEP(p);
}
SITE(site_mixed) {
  void *p = malloc(n);
  KEEP(p);
}
SITE(site_freed) {
  void *p = malloc(n);
  KEEP(p);
}
SITE(site_calloc) {
  void *p = calloc(n / 8, 8);
  KEEP(p);
}
SITE(site_memalign) {
  void *p = NULL;
  if (posix_memalign(&p, 64, n) != 0)
    p = NULL;
  KEEP(p);
}
SITE(site_aligned) {
  void *p = aligned_alloc(128, n);
  KEEP(p);
}
SITE(site_array) {
  void *p = reallocarray(NULL, n / 4, 4);
  KEEP(p);
}
static char text[4096];
SITE(site_strdup) {
  void *p = strdup(text + sizeof text - n);
  KEEP(p);
}
static SITE_ATTRIBUTES void *site_realloc(void *old, size_t n) {
  void *p = realloc(old, n);
  KEEP(p);
}
static SITE_ATTRIBUTES void *site_bulk(size_t n) {
  void *p = malloc(n);
  KEEP(p);
}

#define MAX_SIZES 8
enum { REALLOC = 11, BULK = 12, SITES = 13, CHAIN = 5 };
static const struct site {
  const char *name;
  void *(*make)(size_t);
  size_t sizes[MAX_SIZES]; // a 0 after the first ends the list
  int keep;                // of every three objects, this many stay
} sites[SITES] = {
    {"site_small", site_small, {48}, 2},
    {"site_medium", site_medium, {1000, 1300, 1700, 2900}, 2},
    {"site_large", site_large, {200000, 300001}, 1},
    {"site_zero", site_zero, {0}, 2},
    {"site_mixed", site_mixed, {16, 256, 4096, 30000}, 2},
    {"site_freed", site_freed, {72, 520}, 0},
    {"site_calloc", site_calloc, {120, 800}, 2},
    {"site_memalign", site_memalign, {100, 640}, 1},
    {"site_aligned", site_aligned, {256, 1024}, 2},
    {"site_array", site_array, {84, 404}, 1},
    {"site_strdup", site_strdup, {33, 129, 700}, 2},
    {"site_realloc", NULL, {64, 160, 400, 1000, 2500}, 2},
    {"site_bulk", site_bulk, {0}, 0},
};

struct object {
  void *p;
  uint32_t site, size;
};
struct tally {
  int64_t size, allocs, live;
};
struct worker {
  pthread_t thread;
  size_t scale, cycles, unit;
  struct object *objects;
  size_t n_objects, room;
  struct tally tally[SITES][MAX_SIZES];
};

static void *pages(size_t n) {
  void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    perror("truth: mmap");
    exit(1);
  }
  return p;
}

static void note(struct worker *w, unsigned site, size_t size, int allocs, int live) {
  for (struct tally *t = w->tally[site]; t < w->tally[site] + MAX_SIZES; t++) {
    if (t->allocs == 0 && t->live == 0)
      t->size = (int64_t)size;
    if (t->size == (int64_t)size) {
      t->allocs += allocs;
      t->live += live;
      return;
    }
  }
  abort();
}

static void keep(struct worker *w, void *p, unsigned site, size_t size) {
  if (!p || w->n_objects == w->room)
    abort();
  w->objects[w->n_objects++] = (struct object){p, site, (uint32_t)size};
}

// Frees of every three objects those a site does not keep; the others stay. Called for half of them by another thread.
static void release(struct worker *w, size_t from, size_t step) {
  for (size_t i = from; i < w->n_objects; i += step) {
    struct object *o = &w->objects[i];
    if ((int)(i / 2 % 3) < sites[o->site].keep)
      continue;
    free(o->p);
    note(w, o->site, o->size, 0, -1);
  }
}

static void *work(void *arg) {
  struct worker *w = arg;
  for (unsigned s = 0; s < REALLOC; s++) {
    // Every size gets the same share of the bytes: a few small objects among large ones would leave nothing to estimate.
    size_t done[MAX_SIZES] = {0}, n = 1;
    while (n < MAX_SIZES && sites[s].sizes[n])
      n++;
    for (;;) {
      size_t k = 0;
      for (size_t j = 1; j < n; j++)
        if (done[j] < done[k])
          k = j;
      if (done[k] >= w->scale / n)
        break;
      size_t size = sites[s].sizes[k];
      void *p = sites[s].make(size);
      note(w, s, size, 1, 1);
      keep(w, p, s, size);
      done[k] += size ? size : 64;
    }
  }
  for (size_t done = 0; done < w->scale;) {
    const size_t *sizes = sites[REALLOC].sizes;
    void *p = NULL;
    for (int i = 0; i < CHAIN; i++) {
      p = site_realloc(p, sizes[i]);
      note(w, REALLOC, sizes[i], 1, 1);
      if (i)
        note(w, REALLOC, sizes[i - 1], 0, -1);
      done += sizes[i];
    }
    keep(w, p, REALLOC, sizes[CHAIN - 1]);
  }
  for (size_t i = 0; i < w->cycles; i++) {
    for (size_t size = w->unit / 4; size <= w->unit * 2; size *= 2) {
      free(site_bulk(size));
      note(w, BULK, size, 1, 0);
    }
  }
  release(w, 0, 2);
  return NULL;
}

static size_t option(int argc, char **argv, const char *name, size_t value) {
  for (int i = 1; i < argc; i++)
    if (strncmp(argv[i], name, strlen(name)) == 0)
      value = strtoull(argv[i] + strlen(name), NULL, 0);
  return value;
}

int main(int argc, char **argv) {
  size_t threads = option(argc, argv, "--threads=", 1), scale = option(argc, argv, "--scale=", 1 << 20);
  size_t cycles = option(argc, argv, "--bulk=", 100), unit = option(argc, argv, "--unit=", 4096);
  memset(text, 'x', sizeof text - 1);
  // The bulk's blocks must come from the heap and stay there: a mapping each would measure the kernel.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  struct worker *w = pages(threads * sizeof *w);
  for (size_t t = 0; t < threads; t++) {
    w[t].scale = scale / threads;
    w[t].cycles = cycles / threads;
    w[t].unit = unit;
    w[t].room = scale / 4 + 4096;
    w[t].objects = pages(w[t].room * sizeof *w[t].objects);
    if (threads == 1)
      work(w);
    else if (pthread_create(&w[t].thread, NULL, work, &w[t]) != 0)
      return 1;
  }
  for (size_t t = 0; t < threads; t++) {
    if (threads > 1)
      pthread_join(w[t].thread, NULL);
    release(&w[t], 1, 2);
  }
  printf("{\"threads\": %zu, \"sites\": {", threads);
  for (unsigned s = 0; s < SITES; s++) {
    printf("%s\"%s\": [", s ? ", " : "", sites[s].name);
    for (unsigned k = 0, first = 1; k < MAX_SIZES; k++) {
      struct tally sum = w[0].tally[s][k];
      for (size_t t = 1; t < threads; t++) {
        sum.allocs += w[t].tally[s][k].allocs;
        sum.live += w[t].tally[s][k].live;
      }
      if (sum.allocs == 0)
        continue;
      printf("%s[%ld, %ld, %ld]", first ? "" : ", ", (long)sum.size, (long)sum.allocs, (long)sum.live);
      first = 0;
    }
    printf("]");
  }
  printf("}}\n");
  return 0;
}
