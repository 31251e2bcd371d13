// SPDX-License-Identifier: MIT
// Run by h61_program_names.sh: starts itself in a way that does not name it, and then allocates.
#include "hazard.h"
#include <sys/syscall.h>

NOINLINE static void *site_named(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  char *again[] = {argv[0], NULL}, buf[65536];
  extern char **environ;
  if (!strcmp(how, "self"))
    execv("/proc/self/exe", again);
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (!strcmp(how, "deleted"))
    CHECK(unlink(argv[2]) == 0, "the file that is waited for is removed");
  if (!strcmp(how, "descriptor") || !strcmp(how, "deleted"))
    fexecve(fd, again, environ);
  if (!strcmp(how, "memory")) {
    int copy = (int)syscall(SYS_memfd_create, argv[2], 1);
    for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;)
      CHECK(write(copy, buf, (size_t)n) == n, "the copy of the program is written whole");
    fexecve(copy, again, environ);
  }
  CHECK(!*how, "every way to start it was known");
  for (int i = 0; i < 50; i++)
    site_named(60000);
  raise(SIGSTOP); // for a look from outside
  return 0;
}
