// SPDX-License-Identifier: MIT
// Hazard 19: the program uses our signal itself: own handler, blocked and waited for, ignored.
// Shows: its handler runs once for each signal, sigwait gets it, and no dump comes of them. Not yet seen failing.
#include "hazard.h"
#include <signal.h>

static volatile int handled;
static void handler(int sig) { handled++; }

int main(void) {
  void *p = malloc(2000000);
  STAY(p);
  CHECK(signal(SIGUSR1, handler) != SIG_ERR);
  for (int i = 0; i < 10; i++)
    raise(SIGUSR1);
  CHECK(handled == 10);
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
  CHECK(sigaction(SIGUSR1, &action, &old) == 0 && old.sa_handler == handler);
  raise(SIGUSR1);
  CHECK(handled == 11);
  sigset_t set;
  int got = 0;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
  kill(getpid(), SIGUSR1);
  for (int i = 0; i < 100; i++)
    free(malloc(10000));
  CHECK(sigwait(&set, &got) == 0 && got == SIGUSR1 && handled == 11);
  CHECK(signal(SIGUSR1, SIG_IGN) == handler);
  CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
  raise(SIGUSR1);
  CHECK(handled == 11);
  claim("files 1");
  free(p);
  return 0;
}
