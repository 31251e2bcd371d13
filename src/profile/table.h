/* SPDX-License-Identifier: MIT */
/* A hash table of pointers whose keys are the objects themselves: the caller hashes and compares.
 */
#ifndef HEAPTAP_SRC_PROFILE_TABLE_H
#define HEAPTAP_SRC_PROFILE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "util/hash.h"

struct ht_table {
    struct {
        uint64_t hash;
        uintptr_t value; /* 0: free */
    } * slots;
    size_t n, mask;
};

static inline void ht_table_finish(struct ht_table *t)
{
    free(t->slots);
    *t = (struct ht_table){0};
}

/* Room for one more. False: out of memory. */
static inline bool ht_table_reserve(struct ht_table *t)
{
    if (t->slots && t->n < (t->mask + 1) / 2)
        return true;
    struct ht_table bigger = {.mask = t->slots ? t->mask * 2 + 1 : 255, .n = t->n};
    bigger.slots = calloc(bigger.mask + 1, sizeof(*bigger.slots));
    if (!bigger.slots)
        return false;
    for (size_t i = 0; t->slots && i <= t->mask; i++) {
        if (!t->slots[i].value)
            continue;
        size_t at = t->slots[i].hash & bigger.mask;
        while (bigger.slots[at].value)
            at = (at + 1) & bigger.mask;
        bigger.slots[at].hash = t->slots[i].hash;
        bigger.slots[at].value = t->slots[i].value;
    }
    free(t->slots);
    *t = bigger;
    return true;
}

/* Steps through the values that have this hash: start with *at = hash, 0 ends; then *at is where
 * ht_table_put may put a new one. */
static inline uintptr_t ht_table_next(const struct ht_table *t, uint64_t hash, size_t *at)
{
    for (;; ++*at) {
        *at &= t->mask;
        if (!t->slots[*at].value)
            return 0;
        if (t->slots[*at].hash == hash)
            return t->slots[(*at)++].value;
    }
}

static inline void ht_table_put(struct ht_table *t, uint64_t hash, size_t at, uintptr_t value)
{
    t->slots[at].hash = hash;
    t->slots[at].value = value;
    t->n++;
}

/* The same for objects that have numbers, at an eighth of the memory: two words of 32 bits each,
 * three quarters of them in use at most. Numbers count from 1. */
struct ht_numbers {
    struct ht_numbers_slot {
        uint32_t hash, number; /* number 0: free */
    } * slots;
    size_t n, mask;
};

static inline void ht_numbers_finish(struct ht_numbers *t)
{
    free(t->slots);
    *t = (struct ht_numbers){0};
}

static inline void ht_numbers_put(struct ht_numbers *t, uint64_t hash, uint32_t number)
{
    size_t at = (uint32_t)hash & t->mask;
    while (t->slots[at].number)
        at = (at + 1) & t->mask;
    t->slots[at] = (struct ht_numbers_slot){(uint32_t)hash, number};
    t->n++;
}

/* Room for one more. False: out of memory. */
static inline bool ht_numbers_reserve(struct ht_numbers *t)
{
    if (t->slots && t->n < (t->mask + 1) / 4 * 3)
        return true;
    struct ht_numbers bigger = {.mask = t->slots ? t->mask * 2 + 1 : 255};
    bigger.slots = calloc(bigger.mask + 1, sizeof(*bigger.slots));
    if (!bigger.slots)
        return false;
    for (size_t i = 0; t->slots && i <= t->mask; i++)
        if (t->slots[i].number)
            ht_numbers_put(&bigger, t->slots[i].hash, t->slots[i].number);
    free(t->slots);
    *t = bigger;
    return true;
}

/* As ht_table_next: start with *at = hash, 0 ends. */
static inline uint32_t ht_numbers_next(const struct ht_numbers *t, uint64_t hash, size_t *at)
{
    for (;; ++*at) {
        *at &= t->mask;
        if (!t->slots[*at].number)
            return 0;
        if (t->slots[*at].hash == (uint32_t)hash)
            return t->slots[(*at)++].number;
    }
}

static inline uint64_t ht_hash_mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * HT_GOLDEN_RATIO;
    return h ^ (h >> 29);
}

#endif
