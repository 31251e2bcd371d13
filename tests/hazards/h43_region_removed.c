// SPDX-License-Identifier: MIT
// Hazard 43: somebody clears /dev/shm while the program runs: its region's file, and the directory, are gone.
// Shows: the program goes on, the region grows, a fork's child has its own, and the profiles at exit are whole.
// (A file that its user cuts short while it is mapped is a SIGBUS for every program that maps it: docs/security.md.)
// Seen failing without "a region is used by its mapping" (mutants).
#include "hazard.h"
#include <dirent.h>

static NOINLINE void *keep(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

static void clear(void) {
  const char *path = getenv("HEAPTAP_REGION_DIR");
  DIR *d = path ? opendir(path) : NULL;
  struct dirent *e;
  while (d && (e = readdir(d)))
    unlinkat(dirfd(d), e->d_name, 0);
  if (d)
    closedir(d);
  if (path)
    rmdir(path);
}

enum { EACH = 20000 };
int main(void) {
  for (int i = 0; i < EACH; i++)
    CHECK(keep(100), "malloc succeeds before the region's file is removed");
  clear();
  for (int i = 0; i < EACH; i++)
    CHECK(keep(100), "malloc succeeds when the region's file is removed");
  pid_t pid = fork();
  if (pid >= 0)
    for (int i = 0; i < EACH; i++)
      CHECK(keep(100), "malloc succeeds in the child");
  truth("keep", 3 * EACH, 3 * EACH * 100L, 3 * EACH, 3 * EACH * 100L);
  if (pid == 0)
    exit(0);
  int status;
  CHECK(pid > 0, "there is the child");
  CHECK(waitpid(pid, &status, 0) == pid, "it is there to wait for");
  CHECK(!status, "it has exited with 0");
  return 0;
}
