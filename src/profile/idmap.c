/* SPDX-License-Identifier: MIT */
/*
 * Ids of most files are 1 to n, and are indices of an array. Others go into a hash table with open
 * addressing.
 */
#include "config.h"

#include "profile/idmap.h"

#include <errno.h>
#include <stdlib.h>

#include "util/hash.h"

int ht_idmap_init(struct ht_idmap *m, size_t n)
{
    *m = (struct ht_idmap){.n_dense = n + n / 2 + 16};
    m->dense = calloc(m->n_dense, sizeof(*m->dense));
    if (!m->dense)
        return -ENOMEM;
    m->mask = 15;
    while (m->mask < n * 2)
        m->mask = m->mask * 2 + 1;
    return 0;
}

void ht_idmap_finish(struct ht_idmap *m)
{
    free(m->dense);
    free(m->hash);
    *m = (struct ht_idmap){0};
}

static size_t slot_of(const struct ht_idmap *m, uint64_t id)
{
    size_t at = (size_t)((id * HT_GOLDEN_RATIO) >> 32) & m->mask;
    while (m->hash[at].object && m->hash[at].id != id)
        at = (at + 1) & m->mask;
    return at;
}

bool ht_idmap_put(struct ht_idmap *m, uint64_t id, void *object)
{
    if (!id)
        return false;
    if (id < m->n_dense) {
        if (m->dense[id])
            return false;
        m->dense[id] = object;
        return true;
    }
    if (!m->hash && !(m->hash = calloc(m->mask + 1, sizeof(*m->hash))))
        return false;
    size_t at = slot_of(m, id);
    if (m->hash[at].object)
        return false;
    m->hash[at].id = id;
    m->hash[at].object = object;
    return true;
}

void *ht_idmap_get_sparse(const struct ht_idmap *m, uint64_t id)
{
    return m->hash ? m->hash[slot_of(m, id)].object : NULL;
}
