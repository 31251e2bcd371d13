// SPDX-License-Identifier: MIT
// Hazard 19: the program uses our signal itself: own handler, blocked and waited for, ignored.
// Shows: it is told that nothing was there before its handler, which then runs once for each signal; sigwait gets it; a signal
// that is ignored from the start stays ignored; no dump comes of any of these, and heaptap dump works all the same.
// Seen failing without "our handler is not shown", "what is ignored stays so" and "the program's handler wins" (mutants).
#include "hazard.h"
#include <signal.h>

static volatile int handled;
static void handler(int sig) { handled++; }

// Not with our preload: the reader is no part of what is shown.
static void dump_from_outside(const char *name) {
  char command[4096], output[4096], pid[16];
  snprintf(command, sizeof command, "%s/heaptap", getenv("H_BUILD"));
  snprintf(output, sizeof output, "%s/%s", getenv("H_TMP"), name);
  snprintf(pid, sizeof pid, "%d", getpid());
  if (!getenv("HEAPTAP_RATE") || access(command, X_OK))
    return;
  int status;
  pid_t child = fork();
  CHECK(child >= 0, "fork succeeds");
  if (child == 0) {
    unsetenv("LD_PRELOAD");
    execl(command, "heaptap", "dump", "--raw", "-q", "-o", output, pid, (char *)NULL);
    _exit(99);
  }
  CHECK(waitpid(child, &status, 0) == child, "the child is there to wait for");
  CHECK(WIFEXITED(status), "no signal has ended it");
  CHECK(WEXITSTATUS(status) == 0, "it has exited with 0");
  CHECK(access(output, F_OK) == 0, "the child's profile is written");
}

static int ignored_from_the_start(void) {
  void *p = malloc(2000000);
  STAY(p);
  raise(SIGUSR1);
  struct sigaction old;
  CHECK(sigaction(SIGUSR1, NULL, &old) == 0, "the action of SIGUSR1 is read");
  CHECK(old.sa_handler == SIG_IGN, "it is what was inherited: ignored");
  dump_from_outside("ignored");
  claim("files 1");
  free(p);
  return 21;
}

int main(int argc, char **argv) {
  if (argc > 1)
    return ignored_from_the_start();
  int status;
  pid_t pid = fork();
  CHECK(pid >= 0, "fork succeeds");
  if (pid == 0) {
    signal(SIGUSR1, SIG_IGN);
    execl("/proc/self/exe", argv[0], "ignored", (char *)NULL);
    _exit(99);
  }
  CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
  CHECK(WIFEXITED(status), "no signal has ended it");
  CHECK(WEXITSTATUS(status) == 21, "it exits with 21");
  void *p = malloc(2000000);
  STAY(p);
  CHECK(signal(SIGUSR1, handler) == SIG_DFL, "the program sees the default action of SIGUSR1");
  for (int i = 0; i < 10; i++)
    raise(SIGUSR1);
  CHECK(handled == 10, "the program's handler is called for each signal");
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
  CHECK(sigaction(SIGUSR1, &action, &old) == 0, "sigaction succeeds");
  CHECK(old.sa_handler == handler, "it returns the program's own handler");
  raise(SIGUSR1);
  CHECK(handled == 11, "the handler set by sigaction is called");
  sigset_t set;
  int got = 0;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0, "SIGUSR1 is blocked");
  kill(getpid(), SIGUSR1);
  for (int i = 0; i < 100; i++)
    free(malloc(10000));
  CHECK(sigwait(&set, &got) == 0, "sigwait succeeds");
  CHECK(got == SIGUSR1, "it takes SIGUSR1");
  CHECK(handled == 11, "the handler is not called as well");
  CHECK(signal(SIGUSR1, SIG_IGN) == handler, "signal returns the program's own handler");
  CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0, "SIGUSR1 is unblocked");
  raise(SIGUSR1);
  CHECK(handled == 11, "an ignored signal calls no handler");
  dump_from_outside("own");
  claim("files 1");
  free(p);
  return 0;
}
