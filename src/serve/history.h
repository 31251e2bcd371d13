/* SPDX-License-Identifier: MIT */
/*
 * How processes went on while the server ran: a thread notes their figures now and then, so that
 * the page's list has a trend when it is opened. A process has at most HT_HISTORY_POINTS points:
 * when there is no room, every second one goes, and the next ones are twice as far apart.
 */
#ifndef HEAPTAP_SRC_SERVE_HISTORY_H
#define HEAPTAP_SRC_SERVE_HISTORY_H

#include <stddef.h>
#include <stdio.h>

#include "serve/target.h"

enum { HT_HISTORY_POINTS = 120, HT_HISTORY_PROCESSES = 1024 };

struct ht_history;

/* Begins. NULL where the source has no glance, or there is no memory or thread for it: then no
 * history is kept. The source must outlive it. */
struct ht_history *ht_history_start(const struct ht_serve_source *source);

/* Notes what a list says, which was made now. h may be NULL. Any thread. */
void ht_history_note(struct ht_history *h, const struct ht_target *list, size_t n);

/* Writes what is known of a target as JSON: {"ago":[ms...],"inuse_space":[...],"resident":[...],
 * "threads":[...]}, the oldest first, without points when nothing is. h may be NULL. Any thread. */
void ht_history_write(struct ht_history *h, FILE *out, const struct ht_target *t);

/* Ends the thread and frees all. h may be NULL. */
void ht_history_destroy(struct ht_history *h);

#endif
