// SPDX-License-Identifier: MIT
// Hazard 18: a dump is requested while a thread is inside malloc or another dump runs: skipped, or a deadlock.
// Shows: under a storm of requests nothing blocks, and each of five requests made one after another gives a file.
// Seen failing without "a request is remembered" (mutants).
#include "hazard.h"
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_int stop;
static atomic_size_t allocated[3];
static void *churn(void *arg) {
  void *slots[64] = {0};
  atomic_size_t *mine = arg;
  for (unsigned i = 0; !atomic_load(&stop); i++) {
    free(slots[i % 64]);
    slots[i % 64] = malloc(64 + i % 90000);
    atomic_fetch_add(mine, 64 + i % 90000);
  }
  for (int i = 0; i < 64; i++)
    free(slots[i]);
  return NULL;
}
static int files(const char *dir) {
  int n = 0;
  DIR *d = opendir(dir);
  CHECK(d, "the directory of the profiles opens");
  for (struct dirent *e; (e = readdir(d));)
    n += strstr(e->d_name, ".pb.gz") && e->d_name[0] != '.' && !strstr(e->d_name, "tmp");
  closedir(d);
  return n;
}

int main(void) {
  if (!getenv("HEAPTAP_RATE"))
    return 0;
  alarm(100);
  const char *dir = getenv("H_OUT");
  pthread_t t[3];
  for (int i = 0; i < 3; i++)
    CHECK(pthread_create(&t[i], NULL, churn, &allocated[i]) == 0, "a busy thread starts");
  // Enough of each that no dump is without a sample, though the machine may let them wait.
  for (int i = 0; i < 3; i++)
    while (atomic_load(&allocated[i]) < 64 << 20)
      usleep(1000);
  for (int i = 0; i < 5; i++) {
    int before = files(dir);
    CHECK(kill(getpid(), SIGUSR1) == 0, "the dump's signal is sent");
    while (files(dir) == before) // the alarm ends it
      usleep(1000);
    usleep(2000);
  }
  for (int i = 0; i < 60; i++) {
    kill(getpid(), SIGUSR1);
    pthread_kill(t[i % 3], SIGUSR1);
    usleep(300);
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < 3; i++)
    pthread_join(t[i], NULL);
  return 0;
}
