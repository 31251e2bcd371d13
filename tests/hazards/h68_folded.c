// SPDX-License-Identifier: MIT
// The program of h68_fold.sh. inherit FREES: a child forked while 50 objects live allocates only after its parent has
// freed them (FREES 1) or not, and then sampled thousands of other stacks. busy THREADS SECONDS: threads at many stacks.
#include "steps.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

NOINLINE static void *site_other(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
static void *go(unsigned path, int depth, size_t n) {
  return depth ? steps[path & 3](path >> 2, depth - 1, n) : site_other(n);
}
NOINLINE static void *site_kept(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

static void inherit(int frees) {
  void *blocks[50];
  int wait_for[2];
  char c = 0;
  CHECK(pipe(wait_for) == 0, "the pipe is made");
  for (int i = 0; i < 50; i++)
    blocks[i] = site_kept(100);
  pid_t pid = fork();
  CHECK(pid >= 0, "fork succeeds");
  if (!pid) {
    CHECK(read(wait_for[0], &c, 1) == 1, "the child says that it has begun");
    void *p = site_other(200);
    STAY(p);
    printf("%d\n", getpid());
    exit(0);
  }
  // The parent's region grows beyond what the child has mapped of it. A record that is used again may refer to what lies there.
  for (unsigned i = 0; i < 40000; i++) {
    void *held = go(i * 2654435761u, 9, 300);
    STAY(held);
  }
  for (int i = 0; i < 50 && frees; i++)
    free(blocks[i]);
  for (unsigned i = 0; i < 20000; i++)
    free(go(i * 2654435761u, 6, 300 + i % 7));
  // Free records are all in use again, by other sites, when the child looks.
  for (unsigned i = 0; i < 3000; i++) {
    void *held = go(i, 6, 400);
    STAY(held);
  }
  CHECK(write(wait_for[1], &c, 1) == 1, "the parent lets the child go on");
  int status;
  CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
  CHECK(status == 0, "it has exited with 0");
}

static atomic_int stop;
static void *busy(void *arg) {
  unsigned x = 1 + (unsigned)(uintptr_t)arg;
  void *held[64] = {0};
  while (!atomic_load(&stop)) {
    x = x * 1664525u + 1013904223u;
    free(held[x >> 20 & 63]);
    held[x >> 20 & 63] = go(x >> 8, 6, 200 + (x >> 28) * 64);
  }
  for (int i = 0; i < 64; i++)
    free(held[i]);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc > 2 && !strcmp(argv[1], "inherit")) {
    inherit(atoi(argv[2]));
    return 0;
  }
  CHECK(argc > 3, "the arguments are there");
  pthread_t t[16];
  int n = atoi(argv[2]);
  for (int i = 0; i < n; i++)
    CHECK(pthread_create(&t[i], NULL, busy, (void *)(uintptr_t)i) == 0, "a busy thread starts");
  // Children are forked in the midst of it: each allocates, and leaves.
  for (double end = now() + atof(argv[3]); now() < end;) {
    pid_t pid = fork();
    CHECK(pid >= 0, "fork succeeds");
    if (!pid) {
      free(go(7, 6, 5000));
      _exit(7);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
    CHECK(WIFEXITED(status), "no signal has ended it");
    CHECK(WEXITSTATUS(status) == 7, "it exits with 7");
    usleep(20000);
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < n; i++)
    pthread_join(t[i], NULL);
  return 0;
}
