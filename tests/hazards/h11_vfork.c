// SPDX-License-Identifier: MIT
// Hazard 11: vfork, clone(CLONE_VM) and posix_spawn: the child runs in our memory.
// Shows: the parent's figures are its own to the byte after a hundred such children, of which half allocate; a posix_spawn that
// finds no program, or whose child is led elsewhere first, is what it is without us, and so are system and popen.
// Seen failing without "a vfork child's leaving is not the parent's" (mutants).
#include "hazard.h"
#include <sched.h>
#include <signal.h>
#include <spawn.h>
extern char **environ;

NOINLINE static void *site_parent(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}
static int borrowed(void *arg) {
  free(malloc(30000));
  _exit(3);
}

// A child that only borrowed our memory has nothing to write.
static void wrote_nothing(pid_t pid) {
  char path[4096];
  snprintf(path, sizeof path, "%s/h11_vfork.%d.pb.gz", getenv("H_OUT"), pid);
  CHECK(access(path, F_OK) == -1, "the child of vfork writes no profile");
}

int main(void) {
  char *stack = mmap(NULL, 256 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *kept[100];
  int status;
  alarm(100);
  for (int i = 0; i < 25; i++) {
    kept[i] = site_parent(10000);
    pid_t pid = vfork();
    if (pid == 0) {
      execl("/bin/true", "true", (char *)NULL);
      _exit(9);
    }
    CHECK(pid > 0, "there is the child of vfork");
    CHECK(waitpid(pid, &status, 0) == pid, "it is there to wait for");
    CHECK(status == 0, "it has exited with 0");
    pid = vfork();
    if (pid == 0) {
      free(malloc(20000));
      _exit(2);
    }
    CHECK(pid > 0, "there is the child whose exec failed");
    CHECK(waitpid(pid, &status, 0) == pid, "it is there to wait for");
    CHECK(WEXITSTATUS(status) == 2, "it exits with the status it chose");
    wrote_nothing(pid);
    pid = clone(borrowed, stack + (256 << 10), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    CHECK(pid > 0, "there is the child that allocates");
    CHECK(waitpid(pid, &status, 0) == pid, "it is there to wait for");
    CHECK(WEXITSTATUS(status) == 3, "it exits with the status it chose");
    wrote_nothing(pid);
    char word[] = "true", *args[] = {word, NULL};
    CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, args, environ) == 0, "posix_spawn of a program succeeds");
    CHECK(waitpid(pid, &status, 0) == pid, "the spawned program is there to wait for");
    CHECK(status == 0, "it has exited with 0");
    // The C library's own child in our memory: its exec fails, and its _exit is not by our hook.
    CHECK(posix_spawn(&pid, "/nonexistent/program", NULL, NULL, args, environ) == ENOENT,
          "posix_spawn of no program fails with ENOENT");
    posix_spawn_file_actions_t actions;
    CHECK(posix_spawn_file_actions_init(&actions) == 0, "the spawn's actions are made");
    CHECK(posix_spawn_file_actions_addclose(&actions, 0) == 0, "an action that closes is added");
    CHECK(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0,
          "an action that opens is added");
    CHECK(posix_spawnp(&pid, "true", &actions, NULL, args, environ) == 0, "posix_spawnp with actions succeeds");
    CHECK(waitpid(pid, &status, 0) == pid, "the program with actions is there to wait for");
    CHECK(status == 0, "it has exited with 0");
    posix_spawn_file_actions_destroy(&actions);
    if (i % 2)
      free(kept[i]);
  }
  CHECK(WEXITSTATUS(system("exit 3")) == 3, "system() returns the command's status");
  FILE *f = popen("echo word", "r");
  char word[16] = "";
  CHECK(f, "popen opens the command");
  CHECK(fgets(word, sizeof word, f), "its line is there");
  CHECK(strcmp(word, "word\n") == 0, "the line is the command's");
  CHECK(pclose(f) == 0, "pclose returns 0");
  truth("site_parent", 25, 250000, 13, 130000);
  return 0;
}
