/* SPDX-License-Identifier: MIT */
/*
 * Goes round the profiled processes and makes an item of each. What is in use is sent as it is;
 * what was allocated, as the difference to the profile before: a store adds up what it is sent.
 */
#ifndef HEAPTAP_SRC_CLI_PUSH_ROUNDS_H
#define HEAPTAP_SRC_CLI_PUSH_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/push/queue.h"
#include "cli/words.h"

struct ht_profile;

/* Processes at most; further ones are not sent, and counted. */
#define HT_ROUND_PROCESSES 4096
/* Bytes of profiles that are kept for the next difference, at most. */
#define HT_ROUND_BASES (64u << 20)

struct ht_rounds_options {
    char *const *words; /* PIDs; none: all of this user's */
    size_t n_words;
    const struct ht_words *labels; /* KEY=VALUE, checked by ht_rounds_label_is_valid */
    /* Gives a profile names, by the processes' files. */
    void (*names)(void *ctx, struct ht_profile *p, pid_t pid);
    void *ctx;
    struct ht_queue *queue;
};

/* Of the last round, and since the start. */
struct ht_rounds_counts {
    uint64_t processes, left_out, failed, without_base;
};

struct ht_rounds;

bool ht_rounds_label_is_valid(const char *label);

/* NULL: out of memory. The options' strings must outlive it. One thread at a time. */
struct ht_rounds *ht_rounds_create(const struct ht_rounds_options *o);
void ht_rounds_destroy(struct ht_rounds *r);

/* One round. stop is asked between two processes. */
void ht_rounds_go(struct ht_rounds *r, bool (*stop)(void *ctx), void *ctx,
                  struct ht_rounds_counts *counts);

#endif
