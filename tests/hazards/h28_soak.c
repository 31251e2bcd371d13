// SPDX-License-Identifier: MIT
// Hazard 28: what only shows after long: tables that age, bytes lost, memory of ours that grows.
// Shows: threads, forks, libraries that come and go and requests for dumps, for H_SECONDS (3): every byte is verified, all
// figures are true, no more is resident than early on, an operation costs no more.
// Seen failing without "nodes of the live table are used again" (mutants).
#include "hazard.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { THREADS = 3, SLOTS = 1500 };
static atomic_int stop;
static struct worker {
  pthread_t thread;
  _Atomic long ops;
  long made[3], bytes[3], live[3], live_bytes[3];
  struct slot {
    unsigned char *p;
    uint32_t size, site;
  } slots[SLOTS];
} workers[THREADS];

NOINLINE static void *site_malloc(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_calloc(size_t n) {
  void *p = calloc(1, n);
  STAY(p);
  return p;
}
NOINLINE static void *site_realloc(void *old, size_t n) {
  void *p = realloc(old, n);
  STAY(p);
  return p;
}

static void count(struct worker *w, unsigned site, long size, int made) {
  if (made > 0) {
    w->made[site]++;
    w->bytes[site] += size;
  }
  w->live[site] += made;
  w->live_bytes[site] += made * size;
}

static void fill(struct slot *s) { memset(s->p, (int)(s->size * 31 + s->site), s->size); }

static void verify(const struct slot *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    CHECK(s->p[i] == (unsigned char)(s->size * 31 + s->site), "a block holds what was written to it");
}

static void *work(void *arg) {
  struct worker *w = arg;
  uint32_t x = (uint32_t)(w - workers) * 7919 + 1;
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    x = x * 1664525 + 1013904223;
    struct slot *s = &w->slots[(x >> 8) % SLOTS];
    uint32_t what = x >> 29, size = 1 + (x >> 12) % (what == 7 ? 40000 : 700);
    if (s->p && what < 3) {
      uint32_t old = s->size, same = old < size ? old : size;
      s->p = site_realloc(s->p, size);
      CHECK(s->p, "realloc succeeds");
      verify(s, same);
      count(w, s->site, old, -1);
      *s = (struct slot){s->p, size, 2};
      count(w, 2, size, 1);
    } else {
      if (s->p) {
        verify(s, s->size);
        count(w, s->site, s->size, -1);
        free(s->p);
      }
      s->site = what & 1;
      s->size = size;
      s->p = s->site ? site_calloc(size) : site_malloc(size);
      CHECK(s->p, "malloc or calloc succeeds");
      if (s->site)
        CHECK(s->p[0] == 0 && s->p[size - 1] == 0, "calloc's block is zero at both ends");
      count(w, s->site, size, 1);
    }
    fill(s);
    atomic_fetch_add_explicit(&w->ops, 1, memory_order_relaxed);
  }
  return NULL;
}

static double cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static long operations(void) {
  long n = 0;
  for (int i = 0; i < THREADS; i++)
    n += atomic_load(&workers[i].ops);
  return n;
}

static void disturb(int round) {
  char path[4096];
  int status;
  snprintf(path, sizeof path, "%s/libh30_plugin_%c.so", getenv("H_PROGRAMS"), round % 2 ? 'b' : 'a');
  void *h = dlopen(path, RTLD_NOW);
  CHECK(h, "the plugin loads");
  void *(*make)(size_t) = (void *(*)(size_t))dlsym(h, "plugin_make");
  free(make(5000));
  CHECK(dlclose(h) == 0, "the plugin unloads");
  pid_t pid = fork();
  CHECK(pid >= 0, "fork succeeds");
  if (pid == 0) {
    free(site_malloc(100000));
    _exit(round % 50);
  }
  CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
  CHECK(WIFEXITED(status), "no signal has ended it");
  CHECK(WEXITSTATUS(status) == round % 50, "it exits with its round's status");
  if (round % 8 == 0 && getenv("HEAPTAP_RATE"))
    kill(getpid(), SIGUSR1);
}

int main(void) {
  double seconds = getenv("H_SECONDS") ? atof(getenv("H_SECONDS")) : 3;
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "a worker starts");
  double start = now(), early_cost = 0, cost = 0, last_cpu = 0;
  long early_memory = 0, last_ops = 0, early_ops = 0;
  // Early and late are so many operations apart, however long they take.
  for (int round = 1; now() - start < seconds || !early_memory || last_ops < 3 * early_ops; round++) {
    disturb(round);
    usleep(100000);
    if (round % 5)
      continue;
    double c = cpu();
    long n = operations();
    cost = (c - last_cpu) / (double)(n - last_ops + 1);
    if (!early_memory && now() - start > seconds / 4 && n > 20 * THREADS * SLOTS) {
      early_ops = n;
      early_memory = resident_kib();
      early_cost = cost;
    }
    last_cpu = c;
    last_ops = n;
  }
  atomic_store(&stop, 1);
  long made[3] = {0}, bytes[3] = {0}, live[3] = {0}, live_bytes[3] = {0};
  for (int i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    for (int k = 0; k < SLOTS; k++)
      if (workers[i].slots[k].p)
        verify(&workers[i].slots[k], workers[i].slots[k].size);
    for (int s = 0; s < 3; s++) {
      made[s] += workers[i].made[s];
      bytes[s] += workers[i].bytes[s];
      live[s] += workers[i].live[s];
      live_bytes[s] += workers[i].live_bytes[s];
    }
  }
  static const char *const names[] = {"site_malloc", "site_calloc", "site_realloc"};
  for (int s = 0; s < 3; s++)
    truth(names[s], made[s], bytes[s], live[s], live_bytes[s]);
  long grown = resident_kib() - early_memory;
  if (grown > 8192 || cost > 4 * early_cost)
    say(2, "resident %ld KiB more; an operation %.0f ns, early on %.0f ns\n", grown, cost * 1e9, early_cost * 1e9);
  CHECK(grown <= 8192, "resident memory grows by at most 8 MiB");
  CHECK(cost <= 4 * early_cost, "an allocation becomes at most four times slower");
  return 0;
}
