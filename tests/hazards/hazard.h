// SPDX-License-Identifier: MIT
// What the hazard programs share. A program exits 0 when the hazard did no harm, 77 when it cannot be shown here, else 1.
// tests/hazards/run compares its output and status with a run without the library, and, in exact mode, its profile with
// the figures handed to truth().
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/check.h"

#if defined(__GNUC__) && !defined(__clang__)
#define NOINLINE __attribute__((noinline, noclone, no_icf)) // sites alike must not become one
#else
#define NOINLINE __attribute__((noinline))
#endif
// A call in tail position would leave the stack.
#define STAY(p) __asm__ volatile("" : "+r"(p)::"memory")

// Raises SIGTRAP after each instruction of the call.
#define STEPPED(call)                                                                                                  \
  do {                                                                                                                 \
    __asm__ volatile("sub $128, %%rsp; pushfq; orl $0x100, (%%rsp); popfq; add $128, %%rsp" ::: "memory", "cc");       \
    call;                                                                                                              \
    __asm__ volatile("sub $128, %%rsp; pushfq; andl $~0x100, (%%rsp); popfq; add $128, %%rsp" ::: "memory", "cc");     \
  } while (0)

// Neither allocates: the place that fails may be inside the hazard.
static inline void say(int fd, const char *format, ...) {
  char line[512];
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(line, sizeof line, format, ap);
  va_end(ap);
  if (n > (int)sizeof line - 1)
    n = sizeof line - 1;
  if (write(fd, line, (size_t)n) < 0)
    return;
}

static inline __attribute__((noreturn)) void ht_check_failed(const char *file, int line, const char *claim,
                                                             const char *condition) {
  say(2, "%s:%d: %s: does not hold (%s; errno %d)\n", file, line, claim, condition, errno);
  _exit(1);
}

static inline __attribute__((noreturn)) void skip(const char *why) {
  say(2, "%s\n", why);
  _exit(77);
}

static inline int exact(void) {
  const char *rate = getenv("HEAPTAP_RATE");
  return rate && strcmp(rate, "1") == 0;
}

// What the profile of this process must say of a function, in exact mode; -1: anything.
static inline void truth(const char *site, long alloc_objects, long alloc_space, long inuse_objects, long inuse_space) {
  const char *path = getenv("H_TRUTH");
  if (!path)
    return;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  CHECK(fd >= 0, "the file of the figures opens");
  say(fd, "%d site %s %ld %ld %ld %ld\n", getpid(), site, alloc_objects, alloc_space, inuse_objects, inuse_space);
  close(fd);
}

// Other claims: "depth SITE N", "comment REGEX", "files N".
static inline void claim(const char *words) {
  const char *path = getenv("H_TRUTH");
  if (!path)
    return;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  CHECK(fd >= 0, "the file of the claims opens");
  say(fd, "%d %s\n", getpid(), words);
  close(fd);
}

static inline int open_descriptors(void) {
  int n = 0;
  for (int fd = 0; fd < 1024; fd++)
    n += fcntl(fd, F_GETFD) != -1;
  return n;
}

static inline long resident_kib(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  char buf[128] = "";
  long size = 0, rss = 0;
  if (fd < 0 || read(fd, buf, sizeof buf - 1) < 0 || sscanf(buf, "%ld %ld", &size, &rss) != 2)
    rss = u.ru_maxrss / 4;
  if (fd >= 0)
    close(fd);
  return rss * 4;
}

static inline double seconds_of(int clock) {
  struct timespec {
    long s, ns;
  } t;
  syscall(SYS_clock_gettime, clock, &t);
  return (double)t.s + (double)t.ns * 1e-9;
}
static inline double now(void) { return seconds_of(1); }
// Of this thread: on a busy machine the other clock says how busy it is.
static inline double own_time(void) { return seconds_of(3); }
