/* SPDX-License-Identifier: MIT */
/*
 * What waits to be sent, oldest first: in memory, and in files of a directory while the store is
 * away. Both have a limit; what is above it is dropped, the oldest first, and counted. All
 * functions may be called from any thread.
 */
#ifndef HEAPTAP_SRC_CLI_PUSH_QUEUE_H
#define HEAPTAP_SRC_CLI_PUSH_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in memory at most. */
#define HT_QUEUE_MEMORY (16u << 20)
/* Bytes of one item at most: a larger one is dropped. */
#define HT_QUEUE_ITEM (16u << 20)

struct ht_queue_counts {
    uint64_t items, bytes;           /* that wait now */
    uint64_t dropped, dropped_bytes; /* for want of room, since the start */
    uint64_t buffer_errors;          /* files that could not be written or read */
};

struct ht_queue;

/* directory: made when it is missing; NULL: memory alone. limit: bytes of its files at most. What
 * files it has are sent first. NULL with one line in msg. */
struct ht_queue *ht_queue_create(const char *directory, uint64_t limit, char *msg, size_t msg_size);

/* What is in memory alone goes. */
void ht_queue_destroy(struct ht_queue *q);

/* Takes data, which is freed. */
void ht_queue_add(struct ht_queue *q, void *data, size_t size);

/* A copy of the oldest item that is not taken, which is then taken: 0 with data to be freed and its
 * number, -ENOENT when there is none, or another -errno. */
int ht_queue_take(struct ht_queue *q, void **data, size_t *size, uint64_t *number);

/* Gives a taken item back, for another try; or it is done with. */
void ht_queue_give_back(struct ht_queue *q, uint64_t number);
void ht_queue_done(struct ht_queue *q, uint64_t number);

/* Whether the store is away: then what is in memory goes to files, and what is added, too. */
void ht_queue_away(struct ht_queue *q, bool away);

void ht_queue_count(struct ht_queue *q, struct ht_queue_counts *counts);

#endif
