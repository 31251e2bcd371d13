/* SPDX-License-Identifier: MIT */
/* Threads as text. Names come from the profile `each` of the same threads
 * (ht_remote_threads_profile), after ht_symbolize. 0, or -EIO when out could not be written to. */
#ifndef HEAPTAP_SRC_REMOTE_TEXT_H
#define HEAPTAP_SRC_REMOTE_TEXT_H

#include <stdio.h>

#include "remote/remote.h"

struct ht_profile;

/* For people: how many threads there are, circles of waiting, then a line for each group of threads
 * that stand at the same place, the largest first; at most so many lines (0: all). */
int ht_threads_summary(FILE *out, const struct ht_remote *r, const struct ht_remote_threads *t,
                       const struct ht_profile *each, size_t lines);

/* As Go's /debug/pprof/goroutine?debug=1, which `go tool pprof` reads: p is the grouped profile. */
int ht_threads_grouped(FILE *out, const struct ht_profile *p);

/* As debug=2: each thread with its stack. */
int ht_threads_stacks(FILE *out, const struct ht_remote_threads *t, const struct ht_profile *each);

/* What a thread waits for, in words: "futex, 3.2 s, mutex 0x… held by 12 worker-3". */
void ht_thread_waits(const struct ht_remote_threads *all, const struct ht_remote_thread *t,
                     char *out, size_t size);

#endif
