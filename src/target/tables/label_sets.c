/* SPDX-License-Identifier: MIT */
/*
 * A hash table of the sets' numbers, with open addressing, at most half full. A look-up takes no
 * lock. Where it finds nothing, it is repeated under the lock, and the set is inserted.
 */
#include "config.h"

#include "target/tables/label_sets.h"

#include <string.h>

#include "region/yield_point.h"
#include "target/state/lock.h"
#include "target/state/state.h"
#include "target/tables/writer.h"

static _Atomic ht_ref *sets(void)
{
    ht_ref list = atomic_load_explicit(&ht_state->header->label_sets, memory_order_acquire);
    return list ? ht_at(list) : NULL;
}

const struct ht_label_set *ht_label_set_at(uint32_t number)
{
    _Atomic ht_ref *list = sets();
    ht_ref ref = number && list ? atomic_load_explicit(&list[number - 1], memory_order_acquire) : 0;
    return ref ? ht_at(ref) : NULL;
}

/* The set's number, or 0. *slot becomes the slot in which it was found, or into which it goes. */
static uint32_t find(const unsigned char *text, uint32_t size, uint32_t hash, uint32_t *slot)
{
    for (uint32_t i = hash;; i++) {
        *slot = i & (HT_LABEL_SLOTS - 1);
        uint32_t number = atomic_load_explicit(&ht_state->label_slots[*slot], memory_order_acquire);
        if (!number)
            return 0;
        const struct ht_label_set *s = ht_label_set_at(number);
        HT_YIELD_POINT(LABELS);
        if (s->hash == hash && s->size == size && !memcmp(s->text, text, size))
            return number;
    }
}

static bool write_set(uint32_t number, const unsigned char *text, uint32_t size, uint32_t n,
                      uint32_t hash)
{
    ht_ref ref = ht_data_new(sizeof(struct ht_label_set) + size);
    if (!ref)
        return false;
    struct ht_label_set *s = ht_at(ref);
    s->hash = hash;
    s->n = (uint16_t)n;
    s->size = (uint16_t)size;
    memcpy(s->text, text, size);
    HT_YIELD_POINT(LABELS);
    atomic_store_explicit(&sets()[number - 1], ref, memory_order_release);
    return true;
}

/* Writes the last set, which stands for all sets that find no room: each key has the value "other".
 */
static void write_other(void)
{
    unsigned char text[HT_LABEL_TEXT];
    uint32_t size = 0, n = 0;
    for (uint32_t i = 0; i < ht_config.n_labels; i++) {
        const struct ht_label_key *k = &ht_config.labels[i];
        n += ht_label_add(text, &size, &(struct ht_label_pair){k->text, "other", k->size, 5});
    }
    write_set(HT_LABELS_OTHER, text, size, n, 0);
}

void ht_label_sets_start(void)
{
    ht_ref list = ht_config.n_labels ? ht_data_new(HT_LABEL_SETS * sizeof(ht_ref)) : 0;
    atomic_store_explicit(&ht_state->header->label_sets, list, memory_order_release);
    if (list)
        write_other();
}

/* Under the lock. */
static uint32_t find_or_insert(const unsigned char *text, uint32_t size, uint32_t n, uint32_t hash)
{
    uint32_t slot, number = find(text, size, hash, &slot);
    if (number)
        return number;
    number = atomic_load_explicit(&ht_state->header->n_label_sets, memory_order_relaxed) + 1;
    if (number >= HT_LABELS_OTHER || !write_set(number, text, size, n, hash))
        return 0;
    HT_YIELD_POINT(LABELS);
    atomic_store_explicit(&ht_state->header->n_label_sets, number, memory_order_release);
    atomic_store_explicit(&ht_state->label_slots[slot], (uint16_t)number, memory_order_release);
    return number;
}

uint32_t ht_label_set_intern(const unsigned char *text, uint32_t size, uint32_t n)
{
    if (!n || !sets())
        return 0;
    const uint32_t hash = ht_fnv1a(text, size);
    uint32_t slot, number = find(text, size, hash, &slot);
    if (HT_LIKELY(number))
        return number;
    if (atomic_load_explicit(&ht_state->header->n_label_sets, memory_order_relaxed) + 1 <
            HT_LABELS_OTHER &&
        ht_lock(&ht_state->label_lock, HT_RANK_LABELS)) {
        number = find_or_insert(text, size, n, hash);
        ht_unlock(&ht_state->label_lock, HT_RANK_LABELS);
    }
    return number ? number : HT_LABELS_OTHER;
}

bool ht_label_add(unsigned char *text, uint32_t *size, const struct ht_label_pair *label)
{
    if (!label->value_size || *size + 2u + label->key_size >= HT_LABEL_TEXT)
        return false;
    uint32_t room = HT_LABEL_TEXT - *size - 2u - label->key_size;
    uint32_t most = room < HT_LABEL_VALUE ? room : HT_LABEL_VALUE;
    uint32_t n = ht_label_cut(label->value, label->value_size, most);
    if (!n)
        return false;
    unsigned char *to = text + *size;
    to[0] = label->key_size;
    to[1] = (unsigned char)n;
    memcpy(to + 2, label->key, label->key_size);
    memcpy(to + 2 + label->key_size, label->value, n);
    *size += 2u + label->key_size + n;
    return true;
}
