// SPDX-License-Identifier: MIT
// Hazard 12: a daemon forks, starts a session, goes to / and closes every descriptor.
// Shows: what lived at the fork is in the daemon's profile, with what it allocates later, and no descriptor of ours is lost.
// Seen failing without "what lived at the fork is adopted" (mutants).
#include "hazard.h"

NOINLINE static void *site_before(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_after(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

int main(void) {
  void *blocks[50];
  int wait_for[2];
  CHECK(pipe(wait_for) == 0, "the pipe is made");
  for (int i = 0; i < 50; i++)
    blocks[i] = site_before(20000);
  pid_t pid = fork();
  if (pid > 0) {
    // Stays until the daemon has closed everything, its end of the pipe included, for the runner looks at the files then.
    char c;
    close(wait_for[1]);
    CHECK(read(wait_for[0], &c, 1) == 0, "the daemon has closed its end: it is done");
    int status;
    CHECK(waitpid(pid, &status, 0) == pid, "the first process is there to wait for");
    CHECK(status == 0, "it has exited with 0");
    _exit(0);
  }
  CHECK(setsid() > 0, "the daemon has a session of its own");
  CHECK(chdir("/") == 0, "it works in the root directory");
  for (int fd = 0; fd < 1024; fd++)
    close(fd);
  for (int i = 0; i < 25; i++)
    free(blocks[i]);
  for (int i = 0; i < 10; i++) {
    blocks[i] = site_after(30000);
    STAY(blocks[i]);
  }
  CHECK(open_descriptors() == 0, "the daemon has no open descriptor, and the library opened none");
  truth("site_before", -1, -1, 25, 500000);
  truth("site_after", 10, 300000, 10, 300000);
  exit(0);
}
