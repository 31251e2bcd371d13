/* SPDX-License-Identifier: MIT */
/*
 * A hash table with open addressing over an array of keys in the order of insertion.
 */
#include "config.h"

#include "serve/keymap.h"

#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

static uint32_t key_hash(struct ht_key k)
{
    uint64_t h = k.a * HT_GOLDEN_RATIO;
    h = ((h ^ (h >> 29)) + k.b) * 0xbf58476d1ce4e5b9u;
    h = ((h ^ (h >> 32)) + k.c) * 0x94d049bb133111ebu;
    return (uint32_t)(h ^ (h >> 31));
}

static bool grow(struct ht_keymap *m)
{
    uint32_t cap = m->cap ? m->cap * 2 : 64;
    if (m->cap >= UINT32_MAX / 8)
        return false;
    struct ht_key *keys;
    keys = reallocarray(m->keys, cap, sizeof *keys);
    if (!keys)
        return false;
    m->keys = keys;
    uint32_t *slots = calloc((size_t)cap * 2, sizeof *slots);
    if (!slots)
        return false;
    free(m->slots);
    m->slots = slots;
    m->mask = cap * 2 - 1;
    m->cap = cap;
    for (uint32_t i = 0; i < m->n; i++) {
        uint32_t at = key_hash(keys[i]) & m->mask;

        while (slots[at])
            at = (at + 1) & m->mask;
        slots[at] = i + 1;
    }
    return true;
}

/* The slot that has the key, or the empty one where it would go. */
static uint32_t slot_of(const struct ht_keymap *m, struct ht_key key)
{
    uint32_t at = key_hash(key) & m->mask;
    for (; m->slots[at]; at = (at + 1) & m->mask) {
        const struct ht_key *k = &m->keys[m->slots[at] - 1];

        if (k->a == key.a && k->b == key.b && k->c == key.c)
            break;
    }
    return at;
}

uint32_t ht_keymap_find(const struct ht_keymap *m, struct ht_key key)
{
    /* An empty slot is 0, which wraps to UINT32_MAX. */
    return m->slots ? m->slots[slot_of(m, key)] - 1 : UINT32_MAX;
}

uint32_t ht_keymap_add(struct ht_keymap *m, struct ht_key key, bool *added)
{
    *added = false;
    if (m->n == m->cap && !grow(m))
        return UINT32_MAX;
    uint32_t at = slot_of(m, key);
    if (m->slots[at])
        return m->slots[at] - 1;
    *added = true;
    m->keys[m->n] = key;
    m->slots[at] = ++m->n;
    return m->n - 1;
}

void ht_keymap_finish(struct ht_keymap *m)
{
    free(m->keys);
    free(m->slots);
    memset(m, 0, sizeof *m);
}
