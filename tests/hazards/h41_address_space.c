// SPDX-License-Identifier: MIT
// allow-stderr leaves-regions (of children that have no room for a dump)
// only: glibc
// Hazard 41: the address space of a program that runs is limited, in ways that nobody in it can see: by another process, by the
// system call, by a thread's number, in a fork's child.
// Shows: of 64 MiB for everything the program gets 44 in blocks (bare: 52, or 61 without a second thread), each way. And the region grows in each
// of four generations of forks, one in the other's place, without a sample lost.
// Seen failing without "the region takes what it uses" (mutants).
#include "hazard.h"
#include <pthread.h>

enum { ALL = 64 << 20 };

static int blocks(void) {
  static void *volatile got[64];
  int n = 0;
  for (int i = 0; i < 64; i++)
    if ((got[i] = malloc(1 << 20))) {
      *(char *)got[i] = 1;
      n++;
    }
  for (int i = 0; i < 64; i++)
    free(got[i]);
  return n;
}

static volatile pid_t other; // a thread's number
static void *waits(void *arg) {
  other = (pid_t)syscall(SYS_gettid);
  for (;;)
    pause();
  return arg;
}

static void limited(int way) {
  pthread_t t;
  free(malloc(5000));
  if (way == 3) {
    CHECK(pthread_create(&t, NULL, waits, NULL) == 0, "the waiting thread starts");
    while (!other)
      usleep(1000);
  }
  struct rlimit l = {ALL, ALL};
  pid_t me = getpid(), pid;
  int status;
  switch (way) {
  case 0: CHECK(setrlimit(RLIMIT_AS, &l) == 0, "the address space is limited by setrlimit"); break;
  case 1:
    CHECK(syscall(SYS_prlimit64, 0, RLIMIT_AS, &l, NULL) == 0, "the address space is limited by the system call");
    break;
  case 2:
    if ((pid = fork()) == 0)
      _exit(prlimit(me, RLIMIT_AS, &l, NULL) != 0);
    CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
    CHECK(!status, "it has exited with 0");
    break;
  default: CHECK(prlimit(other, RLIMIT_AS, &l, NULL) == 0, "another process's address space is limited by prlimit");
  }
  int n = blocks();
  if (n < 44)
    say(2, "way %d: %d MiB\n", way, n);
  _exit(n >= 44 ? 7 : 1);
}

static NOINLINE void *keep(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

enum { EACH = 60000 };
static void generation(int n) {
  for (int i = 0; i < EACH; i++)
    CHECK(keep(40), "malloc succeeds under the limit");
  truth("keep", (n + 1) * EACH, (n + 1) * EACH * 40L, (n + 1) * EACH, (n + 1) * EACH * 40L);
  if (n == 3)
    return;
  pid_t pid = fork();
  if (pid == 0) {
    generation(n + 1);
    exit(0);
  }
  int status;
  CHECK(pid > 0, "there is the child");
  CHECK(waitpid(pid, &status, 0) == pid, "it is there to wait for");
  CHECK(!status, "it has exited with 0");
}

int main(void) {
  for (int way = 0; way < 4; way++) {
    pid_t pid = fork();
    if (pid == 0)
      limited(way);
    int status;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "the child is there to wait for");
    CHECK(WIFEXITED(status), "no signal has ended the child");
    CHECK(WEXITSTATUS(status) == 7, "it exits with 7");
  }
  generation(0);
  return 0;
}
