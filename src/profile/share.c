/* SPDX-License-Identifier: MIT */
/* One slot for each hash, which the last array with that hash has. */
#include "config.h"

#include "profile/share.h"

#include <stdlib.h>
#include <string.h>

#include "profile/store.h"
#include "profile/table.h"

uint64_t *ht_share_words(struct ht_share *c, struct ht_profile *p, const uint64_t *words, size_t n,
                         bool *again)
{
    uint64_t hash = ht_hash_mix(5, n);
    for (size_t i = 0; i < n; i++)
        hash = ht_hash_mix(hash, words[i]);
    if (!c->slots && !(c->slots = calloc(HT_SHARE_SLOTS, sizeof(*c->slots))))
        return NULL;
    struct ht_shared *slot = &c->slots[(hash ^ hash >> 32) % HT_SHARE_SLOTS];
    bool same = slot->words && slot->hash == hash && slot->n == n &&
                (!n || !memcmp(slot->words, words, n * sizeof(*words)));
    if (again)
        *again = same;
    if (same)
        return slot->words;
    uint64_t *copy = ht_profile_alloc_words(p, n);
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, words, n * sizeof(*words));
    *slot = (struct ht_shared){hash, copy, n};
    return copy;
}

void ht_share_finish(struct ht_share *c)
{
    free(c->slots);
    c->slots = NULL;
}
