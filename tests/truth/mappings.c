// SPDX-License-Identifier: MIT
// Maps, remaps, splits, maps over and unmaps at random, and prints what each site still has mapped, page by page:
//   mappings SEED THREADS OPERATIONS plain|signals|fork
// A line "PID SITE OBJECTS BYTES" for each site, and process with fork.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define SITE_ATTRIBUTES __attribute__((noinline, noclone, no_icf))
#define KEEP(p)                                                                                                        \
  do {                                                                                                                 \
    __asm__ volatile("" : "+r"(p)::"memory");                                                                          \
    return p;                                                                                                          \
  } while (0)

enum { NONE, A, B, SHARED, FIXED, MOVED, BREAK, N_COUNTED, FILED = N_COUNTED };
static const char *const names[] = {"", "site_a", "site_b", "site_shared", "site_fixed", "site_moved", "site_break"};

static SITE_ATTRIBUTES char *site_a(size_t n) {
  char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  KEEP(p);
}
static SITE_ATTRIBUTES char *site_b(size_t n) {
  char *p = mmap64(NULL, n - 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  KEEP(p);
}
static SITE_ATTRIBUTES char *site_shared(size_t n) {
  char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  KEEP(p);
}
static SITE_ATTRIBUTES char *site_fixed(char *at, size_t n) {
  char *p = mmap(at, n, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  KEEP(p);
}
static SITE_ATTRIBUTES char *site_moved(char *old, size_t old_n, size_t n, int flags, char *to) {
  char *p = mremap(old, old_n, n, flags, to);
  KEEP(p);
}
static SITE_ATTRIBUTES char *site_break(intptr_t n) {
  char *p = sbrk(n);
  KEEP(p);
}

struct page {
  uint64_t number;
  uint32_t site, object;
};
#define PAGES (1u << 18)
struct model {
  struct page pages[PAGES];
  uint64_t picks[4096]; // pages that mappings began with, some of them gone
  unsigned used, n_picks, live;
  uint32_t objects;
  uint64_t random;
};
static struct model models[4];
static long operations;
static int file;

static __attribute__((noreturn)) void fail(const char *what) {
  perror(what);
  _exit(1);
}

static uint64_t next(struct model *m, uint64_t below) {
  m->random ^= m->random << 13;
  m->random ^= m->random >> 7;
  m->random ^= m->random << 17;
  return (m->random >> 11) % below;
}

static struct page *page_at(struct model *m, uint64_t number) {
  uint64_t at = number * 0x9e3779b97f4a7c15ull >> 46;
  while (m->pages[at].number && m->pages[at].number != number)
    at = (at + 1) % PAGES;
  if (!m->pages[at].number) {
    if (++m->used > PAGES / 4 * 3) {
      errno = ENOSPC;
      fail("model");
    }
    m->pages[at].number = number;
  }
  return &m->pages[at];
}

static void set(struct model *m, const char *start, size_t n, uint32_t site) {
  m->objects++;
  for (uint64_t i = 0; i < n / PAGE; i++) {
    struct page *p = page_at(m, (uint64_t)start / PAGE + i);
    m->live += (site != NONE) - (p->site != NONE);
    p->site = site;
    p->object = m->objects;
  }
  uint64_t rest = (uint64_t)start / PAGE + (site == NONE ? n / PAGE : 0);
  if (m->n_picks < 4096 && page_at(m, rest)->site)
    m->picks[m->n_picks++] = rest;
}

static uint32_t site_at(struct model *m, const char *p) { return page_at(m, (uint64_t)p / PAGE)->site; }

// Some pages of this thread's own that lie beside each other, of one mapping; NULL: there are none.
static char *pick(struct model *m, size_t *n) {
  while (m->n_picks) {
    unsigned i = (unsigned)next(m, m->n_picks);
    uint64_t at = m->picks[i] + next(m, 8);
    if (!page_at(m, at)->site)
      at = m->picks[i];
    struct page first = *page_at(m, at);
    if (!first.site) {
      m->picks[i] = m->picks[--m->n_picks];
      continue;
    }
    uint64_t most = 1 + next(m, 24), k = 1;
    while (k < most && page_at(m, at + k)->site && page_at(m, at + k)->object == first.object)
      k++;
    *n = k * PAGE;
    return (char *)(at * PAGE);
  }
  return NULL;
}

static void check(const void *p, const char *what) {
  if (p == MAP_FAILED)
    fail(what);
}

static void remap(struct model *m, char *old, size_t n) {
  uint32_t was = site_at(m, old), site = was == FILED ? FILED : MOVED;
  size_t size = (1 + next(m, 24)) * PAGE, other;
  char *p, *to = pick(m, &other);
  errno = 0;
  switch (next(m, 5)) {
  case 0: // over pages of the thread's own
    if (!to || other < n || (to < old + n && old < to + other))
      return;
    if ((p = site_moved(old, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, to)) != to)
      fail("mremap over");
    set(m, old, n, NONE);
    set(m, p, n, site);
    return;
  case 1: // a second one of the same pages
    if (was != SHARED)
      return;
    check(p = site_moved(old, 0, n, MREMAP_MAYMOVE, NULL), "mremap of none");
    set(m, p, n, site);
    return;
  case 2: // the old ones stay
    if (was == FILED || was == SHARED)
      return;
    p = site_moved(old, n, n, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (p == MAP_FAILED && errno == EINVAL) // of shared pages that were moved here
      return;
    check(p, "mremap and stay");
    set(m, p, n, site);
    return;
  case 3: // fails, unless what is behind is free
    p = site_moved(old, n, n + 64 * PAGE, 0, NULL);
    if (p == MAP_FAILED)
      return;
    set(m, old, n, NONE);
    set(m, p, n + 64 * PAGE, site);
    return;
  default:
    check(p = site_moved(old, n, size, MREMAP_MAYMOVE, NULL), "mremap");
    set(m, old, n, NONE);
    set(m, p, size, site);
  }
}

static void operate(struct model *m) {
  size_t n = (1 + next(m, 24)) * PAGE, own;
  char *p = NULL, *at = pick(m, &own);
  switch (m->live > 3000 || !at ? (at ? 8 : 0) : next(m, 10)) {
  case 0:
  case 1:
    check(p = site_a(n), "mmap");
    set(m, p, n, A);
    break;
  case 2:
    check(p = site_b(n), "mmap64");
    set(m, p, n, B);
    break;
  case 3:
    check(p = site_shared(n), "mmap of shared memory");
    set(m, p, n, SHARED);
    break;
  case 4:
    check(p = site_fixed(at, own), "mmap over");
    set(m, at, own, FIXED);
    break;
  case 5:
    check(mmap(at, own, PROT_READ, MAP_FIXED | MAP_PRIVATE, file, 0), "mmap of a file over");
    set(m, at, own, FILED);
    break;
  case 6:
    if (!munmap(at + 1, own) || errno != EINVAL || !munmap(at, 0) || errno != EINVAL)
      fail("munmap of no page");
    break;
  case 7: remap(m, at, own); break;
  default:
    if (munmap(at, own))
      fail("munmap");
    set(m, at, own, NONE);
  }
}

static void *work(void *model) {
  for (long i = 0; i < operations; i++)
    operate(model);
  return NULL;
}

static void in_handler(int number) {
  int saved = errno;
  void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || munmap(p, PAGE))
    _exit(3);
  errno = saved;
}

static void print(int threads, long broken) {
  for (uint32_t site = A; site < N_COUNTED; site++) {
    long objects = site == BREAK && broken, bytes = site == BREAK ? broken : 0;
    for (int t = 0; t < threads; t++)
      for (unsigned i = 0; i < PAGES; i++) {
        struct page *p = &models[t].pages[i];
        if (p->site != site)
          continue;
        bytes += PAGE;
        struct page *before = page_at(&models[t], p->number - 1);
        objects += !before->site || before->object != p->object;
      }
    printf("%d %s %ld %ld\n", getpid(), names[site], objects, bytes);
  }
  fflush(stdout);
}

int main(int argc, char **argv) {
  int threads = argc > 2 ? atoi(argv[2]) : 1;
  if (argc != 5 || threads < 1 || threads > 4)
    return 2;
  operations = atol(argv[3]);
  pthread_t thread[4];
  file = memfd_create("pages", 0);
  if (file < 0 || ftruncate(file, 64 * PAGE))
    fail("memfd_create");
  if (!strcmp(argv[4], "signals")) {
    struct itimerval each = {{0, 200}, {0, 200}};
    signal(SIGALRM, in_handler);
    setitimer(ITIMER_REAL, &each, NULL);
  }
  for (int i = 0; i < threads; i++)
    models[i].random = (uint64_t)atol(argv[1]) * 7919 + (uint64_t)i * 104729 + 1;
  for (int i = 1; i < threads; i++)
    if (pthread_create(&thread[i], NULL, work, &models[i]))
      fail("pthread_create");
  work(&models[0]);
  for (int i = 1; i < threads; i++)
    pthread_join(thread[i], NULL);
  struct itimerval none = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &none, NULL);
  long broken = 0;
  if (threads == 1) { // others may have moved it, too
    if (site_break(10000) == (char *)-1 || site_break(-3000) == (char *)-1)
      fail("sbrk");
    broken = 7000;
  }
  pid_t child = strcmp(argv[4], "fork") ? 1 : fork();
  if (child < 0)
    fail("fork");
  work(&models[0]);
  if (!child)
    models[0].random += 17;
  work(&models[0]);
  if (child > 1 && waitpid(child, NULL, 0) != child)
    fail("waitpid");
  print(threads, broken);
  return 0;
}
