/* SPDX-License-Identifier: MIT */
/*
 * The rules of a frame come from the object's unwind tables (src/cfi), which takes microseconds,
 * and are kept by address: 10,000 threads wait in a handful of places. An open hash table that is
 * emptied when it is full.
 */
#include "config.h"

#include "remote/rows.h"

#include <stdlib.h>
#include <string.h>

#include "remote/module.h"
#include "util/hash.h"

#define SLOTS 8192u

struct slot {
    uint64_t pc; /* + 1; 0: empty */
    bool known;
    struct ht_row row;
};

struct ht_remote_rows {
    unsigned n;
    struct slot slots[SLOTS];
};

void ht_remote_rows_clear(struct ht_remote *r)
{
    if (r->rows && r->rows->n)
        memset(r->rows, 0, sizeof *r->rows);
}

void ht_remote_rows_destroy(struct ht_remote *r)
{
    free(r->rows);
    r->rows = NULL;
}

const struct ht_row *ht_remote_row(struct ht_remote *r, uint64_t pc)
{
    if (!r->rows && !(r->rows = calloc(1, sizeof *r->rows)))
        return NULL;
    if (r->rows->n > SLOTS / 2)
        ht_remote_rows_clear(r);
    unsigned i = (unsigned)(pc * HT_GOLDEN_RATIO >> 40) % SLOTS;
    while (r->rows->slots[i].pc && r->rows->slots[i].pc != pc + 1)
        i = (i + 1) % SLOTS;
    struct slot *s = &r->rows->slots[i];
    if (!s->pc) {
        struct ht_remote_module *m = ht_remote_module_at(r, pc);
        s->pc = pc + 1;
        s->known = m && ht_remote_tables(r, m) &&
                   !ht_cfi_row(m->here.start + (pc - m->start), &m->here, &s->row);
        r->rows->n++;
    }
    return s->known ? &s->row : NULL;
}
