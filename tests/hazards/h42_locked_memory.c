// SPDX-License-Identifier: MIT
// leaves-regions (of a user who may not write here)
// only: glibc
// Hazard 42: a program locks its memory under a small limit. mlockall compares the whole address space with the limit, and from
// then on each mapping counts.
// Shows: under 8 MiB (the usual RLIMIT_MEMLOCK) a user's small program locks what it has and what comes, present or at the first
// touch, also where the limit is raised while it runs; and then has 2 MiB more.
// Seen failing without "the region takes what it uses" (mutants).
#include "hazard.h"
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

static void lock(int flags, rlim_t at_first) {
  const rlim_t usual = 8 << 20;
  struct rlimit l = {at_first, usual};
  CHECK(setrlimit(RLIMIT_MEMLOCK, &l) == 0, "locked memory is limited");
  if (!geteuid() && (setgid(65534) || setuid(65534)))
    _exit(77);
  for (int i = 0; i < 300; i++)
    free(malloc(3000));
  l.rlim_cur = usual;
  CHECK(setrlimit(RLIMIT_MEMLOCK, &l) == 0, "the limit on locked memory is taken back");
  if (mlockall(flags)) {
    say(2, "mlockall(%d): error %d\n", flags, errno);
    _exit(1);
  }
  char *p = malloc(2 << 20);
  CHECK(p, "malloc succeeds when all memory is locked");
  memset(p, 1, 2 << 20);
  for (int i = 0; i < 300; i++)
    CHECK(malloc(1000), "malloc succeeds after the limit");
  for (;;)
    syscall(SYS_exit_group, 7); // without a profile, which this user may not write
}

int main(void) {
  static const int flags[] = {MCL_CURRENT | MCL_FUTURE, MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT, MCL_CURRENT,
                              MCL_FUTURE};
  for (int k = 0; k < 8; k++) {
    pid_t pid = fork();
    if (pid == 0)
      lock(flags[k % 4], k < 4 ? 8 << 20 : 64 << 10);
    int status;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "the child is there to wait for");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
      skip("no user to become");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7, "the child has exited with 7: its memory is its own");
  }
  return 0;
}
