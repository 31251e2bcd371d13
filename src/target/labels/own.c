/* SPDX-License-Identifier: MIT */
/*
 * A thread's labels lie in a cell of our own, copied: what the program passes may be gone when a
 * sample is taken. A cell is found by the address of the thread's TLS block, which a new thread may
 * have only when the one before it is gone: its labels are dropped then.
 *
 * A cell is written by its own thread and by signal handlers on it alone. Setting a label writes
 * the entry behind those that count and then counts it, by one CAS on a word that also counts how
 * often that was done: if a handler came between and set labels, too, the entry is written again.
 */
#include "config.h"

#include "target/labels/own.h"

#include <errno.h>
#include <string.h>

#include "target/os/sys.h"
#include "target/state/state.h"

#define CELLS (1u << 12)
#define TRIES 64u /* a program that steps through itself must go on, too */
#define NEAR  64u /* where a cell may lie behind its place by hash */

struct entry {
    uint8_t key, size; /* size 0: the label is taken away */
    char value[HT_LABEL_VALUE];
};

struct cell {
    _Atomic uint64_t owner; /* address of a ht_tls, CAS from 0; never given back */
    _Atomic uint64_t state; /* how often a label was set << 8 | how many entries count */
    struct entry entries[HT_OWN_LABELS];
};

/* Written at the start; NULL: there is no memory for it, or no key was asked for. A forked child
 * has its parent's, with what the forking thread has set. */
static struct cell *cells;

void ht_own_labels_start(void)
{
    cells = ht_sys_anonymous(CELLS * sizeof *cells);
}

static struct cell *take_cell(void)
{
    struct cell *t = cells;
    const uint64_t me = (uint64_t)&ht_tls, at = ht_mix(me >> 6);
    for (uint32_t i = 0; t && i < NEAR; i++) {
        const uint32_t number = (uint32_t)(at + i) % CELLS;
        uint64_t owner = 0;
        if (!atomic_compare_exchange_strong_explicit(&t[number].owner, &owner, me,
                                                     memory_order_acq_rel, memory_order_acquire) &&
            owner != me)
            continue;
        if (!ht_tls.label_cell) { /* else a handler has found it meanwhile */
            atomic_fetch_and_explicit(&t[number].state, ~(uint64_t)0xff, memory_order_relaxed);
            ht_tls.label_cell = (uint16_t)(number + 1);
        }
        return &t[number];
    }
    return NULL;
}

static struct cell *own_cell(void)
{
    const uint32_t number = ht_tls.label_cell;
    return number ? &cells[number - 1] : NULL;
}

static uint32_t count_of(uint64_t state)
{
    return (uint32_t)(state & 0xff);
}

int ht_own_label(const char *key, const char *value)
{
    struct cell *c = own_cell();
    const int number = key ? ht_label_key_number(key, strlen(key)) : -1;
    if (number < 0)
        return c ? (int)count_of(atomic_load_explicit(&c->state, memory_order_relaxed)) : 0;
    if (!c && !(c = take_cell()))
        return -ENOMEM;
    const size_t n = value ? strnlen(value, HT_LABEL_VALUE + 1) : 0;
    uint64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);
    uint32_t tries = 0;
    do {
        if (count_of(state) >= HT_OWN_LABELS)
            return -ENOSPC;
        if (tries++ == TRIES)
            return -EBUSY;
        struct entry *e = &c->entries[count_of(state)];
        e->key = (uint8_t)number;
        e->size = n ? (uint8_t)ht_label_cut(value, (uint32_t)n, HT_LABEL_VALUE) : 0;
        if (n)
            memcpy(e->value, value, e->size);
    } while (!atomic_compare_exchange_strong_explicit(&c->state, &state, state + 0x101,
                                                      memory_order_release, memory_order_relaxed));
    return (int)count_of(state);
}

void ht_own_label_end(int before)
{
    struct cell *c = own_cell();
    if (!c || before < 0)
        return;
    uint64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);
    while (count_of(state) > (uint32_t)before &&
           !atomic_compare_exchange_strong_explicit(&c->state, &state,
                                                    (state & ~(uint64_t)0xff) | (uint32_t)before,
                                                    memory_order_relaxed, memory_order_relaxed))
        ;
}

void ht_own_labels(struct ht_label_values *v)
{
    const struct cell *c = own_cell();
    const uint32_t n = c ? count_of(atomic_load_explicit(&c->state, memory_order_acquire)) : 0;
    for (uint32_t i = n < HT_OWN_LABELS ? n : HT_OWN_LABELS; i-- > 0;) { /* the last one counts */
        const struct entry *e = &c->entries[i];
        if (e->key >= HT_LABELS || (v->found & 1u << e->key))
            continue;
        v->found |= 1u << e->key;
        v->value[e->key] = e->value;
        v->size[e->key] = e->size < HT_LABEL_VALUE ? e->size : HT_LABEL_VALUE;
    }
}
