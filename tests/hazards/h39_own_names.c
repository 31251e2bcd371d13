// SPDX-License-Identifier: MIT
// only: glibc
// Hazard 39: a program defines names of the C library's itself, over others of them, as Erlang's beam.smp does sigaction over
// __sigaction; or a memcpy, a getenv, a dlsym that allocate, or that cannot run before main.
// Shows: each such pair calls through to the C library and ends; and of the program's own string functions, clock, environment
// and look-ups none is entered from a sample, a fork's child, a dump or our start.
// Seen failing without "our own names are bound inside the library" and "look-ups do not ask by name" (mutants).
#include "hazard.h"
#include <signal.h>
#include <time.h>

#pragma GCC visibility push(default) // as a program that nobody told otherwise is compiled
typedef void (*handler_fn)(int);
int __sigaction(int, const struct sigaction *, struct sigaction *);
handler_fn ssignal(int, handler_fn);
handler_fn __sysv_signal(int, handler_fn);
void _Exit(int) __attribute__((noreturn));

static volatile int pairs;
int sigaction(int n, const struct sigaction *new, struct sigaction *old) {
  pairs++;
  return __sigaction(n, new, old);
}
handler_fn signal(int n, handler_fn h) {
  pairs++;
  return ssignal(n, h);
}
handler_fn sysv_signal(int n, handler_fn h) {
  pairs++;
  return __sysv_signal(n, h);
}
void _exit(int status) { _Exit(status); }

// Whoever calls them: nobody in this program does, and no library that it needs.
static volatile int entered;
static const char *volatile by;
static void own(const char *name) {
  if (!entered++)
    by = name;
  free(malloc(64));
}
#define OWN(type, name, parameters, result)                                                                            \
  type own_##name parameters __asm__(#name);                                                                           \
  type own_##name parameters {                                                                                         \
    own(#name);                                                                                                        \
    return result;                                                                                                     \
  }
OWN(void *, memcpy, (void *to, const void *from, size_t n), to)
OWN(void *, memmove, (void *to, const void *from, size_t n), to)
OWN(void *, memset, (void *to, int c, size_t n), to)
OWN(int, memcmp, (const void *a, const void *b, size_t n), 0)
OWN(int, bcmp, (const void *a, const void *b, size_t n), 0)
OWN(void *, memchr, (const void *s, int c, size_t n), NULL)
OWN(void *, memrchr, (const void *s, int c, size_t n), NULL)
OWN(size_t, strlen, (const char *s), 0)
OWN(char *, strchr, (const char *s, int c), NULL)
OWN(char *, strrchr, (const char *s, int c), NULL)
OWN(int, strncmp, (const char *a, const char *b, size_t n), 0)
OWN(size_t, strcspn, (const char *s, const char *reject), 0)
OWN(unsigned long, strtoul, (const char *s, char **end, int base), 0)
OWN(unsigned long long, strtoull, (const char *s, char **end, int base), 0)
OWN(int, clock_gettime, (clockid_t c, struct timespec *t), 0)
OWN(unsigned long, getauxval, (unsigned long n), 0)
OWN(long, sysconf, (int n), 0)
OWN(void *, dlsym, (void *h, const char *name), NULL)
OWN(void *, dlopen, (const char *path, int flags), NULL)
OWN(int, _dl_find_object, (void *pc, void *object), -1)

static NOINLINE void *site(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

enum { BLOCKS = 20000 };
static void *blocks[BLOCKS];
static void work(void) {
  for (int i = 0; i < BLOCKS; i++)
    CHECK((blocks[i] = site(100 + (size_t)i % 900)), "malloc succeeds");
  for (int i = 0; i < BLOCKS; i++)
    free(blocks[i]);
  for (int i = 0; i < 300; i++)
    free(calloc(3, 5000));
}

static void on_usr2(int n) {}

int main(void) {
  struct sigaction new = {.sa_handler = on_usr2}, old = {0};
  CHECK(sigaction(SIGUSR2, &new, &old) == 0, "sigaction succeeds");
  CHECK(old.sa_handler == SIG_DFL, "the first action was the default");
  CHECK(signal(SIGUSR2, SIG_IGN) == on_usr2, "signal returns the handler set by sigaction");
  CHECK(sysv_signal(SIGUSR2, SIG_DFL) == SIG_IGN, "sysv_signal returns the action set by signal");
  CHECK(pairs == 3, "the program's calls went through its own functions, three in all");
  work();
  pid_t pid = fork();
  if (!pid) {
    work();
    raise(SIGUSR1); // a dump, where the library has its handler there
    _exit(entered ? 3 : 7);
  }
  int status;
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "the child is there to wait for");
  CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGUSR1 : WEXITSTATUS(status) == 7,
        "SIGUSR1 ends the child, or it exits with 7");
  if (entered)
    say(2, "%d times the program's own functions were entered, first %s\n", entered, by);
  CHECK(!entered, "no function of the program is called by the library");
  _exit(0);
}
