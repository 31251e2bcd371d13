/* SPDX-License-Identifier: MIT */
/*
 * Dumps from inside: streamed in fixed memory on a stack of their own, by raw system calls, to a
 * temporary name that is renamed. Async-signal-safe.
 */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_DUMP_H
#define HEAPTAP_SRC_TARGET_PROCESS_DUMP_H

#include <stdbool.h>

#include "target/state/state.h"

/* Requests a dump. When one is running (in another thread, or interrupted on this stack), the
 * thread that runs it makes another one after it: a request is never lost. Returns 0 or -errno
 * of the dump made here. */
int ht_dump_request(void);

/* To an explicit path or an open descriptor. 0, -EBUSY when one is running, or -errno. */
int ht_dump_path(const char *path);
int ht_dump_fd(int fd);

/* The dump at exit. Nothing is written when there is no sample. */
void ht_dump_last(void);

/* At a sample: makes the dump that is due by HEAPTAP_INTERVAL or HEAPTAP_GROWTH. */
void ht_dump_check(void);
static inline void ht_dump_if_due(void)
{
    if (HT_UNLIKELY(ht_config.interval_ns || ht_config.growth))
        ht_dump_check();
}

/* At start: writes the profile of the image that exec replaced in this process, if it left one. */
void ht_dump_previous_image(void);

#endif
