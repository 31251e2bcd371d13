/* SPDX-License-Identifier: MIT */
/* From a file's ids to objects: an array where ids are dense, a hash table where they are wild. */
#ifndef HEAPTAP_SRC_PROFILE_IDMAP_H
#define HEAPTAP_SRC_PROFILE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_idmap {
    void **dense; /* by id, below n_dense */
    size_t n_dense;
    struct {
        uint64_t id;
        void *object;
    } * hash;
    size_t mask;
};

/* Room for n objects. 0 or -ENOMEM. */
int ht_idmap_init(struct ht_idmap *m, size_t n);
void ht_idmap_finish(struct ht_idmap *m);

/* False when the id is 0 or taken. At most the n objects of init may be put. */
bool ht_idmap_put(struct ht_idmap *m, uint64_t id, void *object);
void *ht_idmap_get_sparse(const struct ht_idmap *m, uint64_t id);

/* NULL when there is none. */
static inline void *ht_idmap_get(const struct ht_idmap *m, uint64_t id)
{
    return id < m->n_dense ? m->dense[id] : ht_idmap_get_sparse(m, id);
}

#endif
