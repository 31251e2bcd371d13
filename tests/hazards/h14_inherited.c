// SPDX-License-Identifier: MIT
// Hazard 14: LD_PRELOAD is inherited by what cannot be profiled: static and 32-bit programs.
// Shows: they run as ever, and nothing of ours is printed. Not yet seen failing.
#include "hazard.h"

// A 32-bit program of one page: mov eax, 1; mov ebx, 5; int 0x80.
static const unsigned char elf32[] = {
  0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 0x04, 0x08, 52, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0,
  1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x04, 0x08, 0, 0x80, 0x04, 0x08, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0,
  0xb8, 1, 0, 0, 0, 0xbb, 5, 0, 0, 0, 0xcd, 0x80};

static int run(const char *path) {
  int status, err[2];
  char said[256] = "";
  CHECK(pipe(err) == 0);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    dup2(err[1], 2);
    close(err[0]);
    close(err[1]);
    execl(path, path, (char *)NULL);
    _exit(99);
  }
  close(err[1]);
  CHECK(waitpid(pid, &status, 0) == pid);
  ssize_t n = read(err[0], said, sizeof said - 1);
  close(err[0]);
  if (n > 0)
    say(2, "%s", said);
  CHECK(n == 0);
  CHECK(WIFEXITED(status) || WTERMSIG(status) == 11);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/h14_static", getenv("H_PROGRAMS"));
  CHECK(run(path) == 4);
  snprintf(path, sizeof path, "%s/elf32.%d", getenv("H_TMP"), getpid());
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
  CHECK(fd >= 0 && write(fd, elf32, sizeof elf32) == sizeof elf32);
  close(fd);
  int rc = run(path);
  unlink(path);
  CHECK(rc == 5 || rc == -1 || rc == 99); // a kernel without 32-bit programs refuses it, with us and without
  say(1, "%d\n", rc);
  return 0;
}
