// SPDX-License-Identifier: MIT
// Hazard 14: LD_PRELOAD is inherited by what cannot be profiled: static and 32-bit programs.
// Shows: they run as ever, and nothing of ours is printed; with HEAPTAP_CHILDREN=0 a child is not even handed the library, and
// what else is preloaded stays. Seen failing without "children are left alone when that is asked" (mutants).
#include "hazard.h"
#include <spawn.h>
extern char **environ;

// A 32-bit program of one page: mov eax, 1; mov ebx, 5; int 0x80.
// clang-format off
static const unsigned char elf32[] = {
  0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 0x04, 0x08, 52, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0,
  1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x04, 0x08, 0, 0x80, 0x04, 0x08, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0,
  0xb8, 1, 0, 0, 0, 0xbb, 5, 0, 0, 0, 0xcd, 0x80};
// clang-format on

static int run(const char *path) {
  int status, err[2];
  char said[256] = "";
  CHECK(pipe(err) == 0, "the pipe is made");
  pid_t pid = fork();
  CHECK(pid >= 0, "fork succeeds");
  if (pid == 0) {
    dup2(err[1], 2);
    close(err[0]);
    close(err[1]);
    execl(path, path, (char *)NULL);
    _exit(99);
  }
  close(err[1]);
  CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
  ssize_t n = read(err[0], said, sizeof said - 1);
  close(err[0]);
  if (n > 0)
    say(2, "%s", said);
  CHECK(n == 0, "the loader and the library print nothing");
  CHECK(WIFEXITED(status) || WTERMSIG(status) == 11,
        "the program exits, or is ended by SIGSEGV as it is without the library");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Of the two images the first has the library, and takes it out of what the second inherits.
static pid_t run_image(const char *number, int *status) {
  char name[] = "h14_not_profiled", *args[] = {name, (char *)number, NULL};
  pid_t pid;
  CHECK(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ) == 0, "posix_spawn of this program succeeds");
  CHECK(waitpid(pid, status, 0) == pid, "the program is there to wait for");
  CHECK(WIFEXITED(*status), "no signal has ended it");
  return pid;
}
static int handed_on(int images) {
  const char *preload = getenv("LD_PRELOAD"), *allocator = getenv("H_ALLOCATOR");
  CHECK(!preload || !strstr(preload, "libheaptap"), "a program that is not followed inherits no library of heaptap");
  CHECK(!allocator || strcmp(allocator, "glibc") == 0 || (preload && strstr(preload, allocator)),
        "the allocator's preload stays");
  if (images == 1)
    return 6;
  char path[4096];
  int status;
  pid_t pid = run_image("1", &status);
  snprintf(path, sizeof path, "%s/h14_not_profiled.%d.pb.gz", getenv("H_OUT"), pid);
  CHECK(access(path, F_OK) == -1, "the image that is not followed writes no profile");
  return WEXITSTATUS(status);
}
static void not_wanted(void) {
  int status;
  setenv("HEAPTAP_CHILDREN", "0", 1);
  run_image("2", &status);
  CHECK(WEXITSTATUS(status) == 6, "the image after it exits with 6");
  unsetenv("HEAPTAP_CHILDREN");
}

int main(int argc, char **argv) {
  if (argc > 1)
    return handed_on(atoi(argv[1]));
  not_wanted();
  char path[4096];
  snprintf(path, sizeof path, "%s/h14_static", getenv("H_PROGRAMS"));
  CHECK(run(path) == 4, "a static program runs as it does without the library");
  snprintf(path, sizeof path, "%s/elf32.%d", getenv("H_TMP"), getpid());
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
  CHECK(fd >= 0, "the 32-bit program's file is made");
  CHECK(write(fd, elf32, sizeof elf32) == sizeof elf32, "it is written whole");
  close(fd);
  int rc = run(path);
  unlink(path);
  CHECK(rc == 5 || rc == -1 || rc == 99,
        "a 32-bit program runs, or the kernel refuses it as it does without the library");
  say(1, "%d\n", rc);
  return 0;
}
