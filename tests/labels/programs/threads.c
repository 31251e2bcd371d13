// SPDX-License-Identifier: MIT
// threads [ROUNDS [stay]]: 20 rounds of 50 threads that come and go, so that their memory and their numbers are used again. Each gets a name in one
// of five ways, then allocates through take_figures() as many bytes as its kind and round say, and leaves some. Prints what each name's threads
// have allocated and what of it lives: "NAME objects bytes live_objects live_bytes"; with stay it then waits to be killed.
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 50, KINDS = 5 };
static const char *const kinds[KINDS] = {"reader-", "writer-", "io", "worker/", "plain"};
static uint64_t figures[KINDS][4];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t named[THREADS], may_go[THREADS];
static unsigned round_now;
static void *kept[64 * 1024];
static unsigned n_kept;

static __attribute__((noinline)) void take_figures(unsigned kind, unsigned index) {
  uint64_t f[4] = {0};
  void *mine[8];
  unsigned n_mine = 0;
  for (unsigned i = 0; i < 20 + kind; i++) {
    const size_t n = 16 + kind * 100 + (index + i) % 7 * 16;
    void *p = malloc(n);
    __asm__ volatile("" : "+r"(p)::"memory");
    f[0]++, f[1] += n;
    if (i % 8 == 3)
      mine[n_mine++] = p, f[2]++, f[3] += n;
    else
      free(p);
  }
  pthread_mutex_lock(&lock);
  for (unsigned i = 0; i < n_mine; i++)
    kept[n_kept++] = mine[i];
  for (unsigned i = 0; i < 4; i++)
    figures[kind][i] += f[i];
  pthread_mutex_unlock(&lock);
}

static void *run(void *arg) {
  const unsigned index = (unsigned)(uintptr_t)arg, kind = index % KINDS;
  char name[16];
  // A sample before it has its name: it is not take_figures()'s, and the name is read again.
  void *early = malloc(32);
  __asm__ volatile("" : "+r"(early)::"memory");
  free(early);
  snprintf(name, sizeof name, "%s%u", kinds[kind], index + round_now * 1000);
  switch (kind) {
  case 0: prctl(PR_SET_NAME, name); break;
  case 1: pthread_setname_np(pthread_self(), name); break;
  case 2: syscall(SYS_prctl, PR_SET_NAME, name); break;
  case 3: // by another thread, when this one has had samples
    sem_post(&may_go[index]);
    sem_wait(&named[index]);
    break;
  default: // none of its own: it has the one of the thread that made it
    break;
  }
  take_figures(kind, index);
  return NULL;
}

int main(int argc, char **argv) {
  const unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
  pthread_t t[THREADS];
  prctl(PR_SET_NAME, "plain-0");
  for (round_now = 0; round_now < rounds; round_now++) {
    for (unsigned i = 0; i < THREADS; i++) {
      sem_init(&named[i], 0, 0);
      sem_init(&may_go[i], 0, 0);
      if (pthread_create(&t[i], NULL, run, (void *)(uintptr_t)i))
        return 1;
    }
    for (unsigned i = 3; i < THREADS; i += KINDS) {
      char name[16];
      snprintf(name, sizeof name, "%s%u", kinds[3], i + round_now * 1000);
      sem_wait(&may_go[i]);
      pthread_setname_np(t[i], name);
      sem_post(&named[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
      pthread_join(t[i], NULL);
  }
  static const char *const folded[KINDS] = {"reader-#", "writer-#", "io#", "worker/#", "plain-#"};
  for (unsigned k = 0; k < KINDS; k++)
    printf("%s %lu %lu %lu %lu\n", folded[k], figures[k][0], figures[k][1], figures[k][2], figures[k][3]);
  fflush(stdout);
  while (argc > 2)
    pause();
  return 0;
}
