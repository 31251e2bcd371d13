/* SPDX-License-Identifier: MIT */
/* serve --push: a thread that goes round the processes, and one that sends what they make. */
#ifndef HEAPTAP_SRC_CLI_PUSH_PUSHER_H
#define HEAPTAP_SRC_CLI_PUSH_PUSHER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/words.h"

struct ht_server;

struct ht_pusher_options {
    const char *url, *every, *headers_file, *buffer, *buffer_size; /* as given; NULL: not */
    struct ht_words labels;
};

/* Checks the options and opens the buffer. words: as ht_source_live_init. All must outlive the
 * pusher. NULL after a complaint, with the exit status. */
struct ht_pusher;
struct ht_pusher *ht_pusher_create(const struct ht_pusher_options *o, char *const *words,
                                   size_t n_words, int *status);

/* Starts the threads; names come from the server. 0 or -errno. */
int ht_pusher_start(struct ht_pusher *p, struct ht_server *server);

/* Sends what waits for 3 seconds at most; the rest stays in the buffer's directory. */
void ht_pusher_stop(struct ht_pusher *p);
void ht_pusher_destroy(struct ht_pusher *p);

/* The counters, for /metrics. From any thread. */
void ht_pusher_metrics(void *pusher, FILE *out);

#endif
