/* SPDX-License-Identifier: MIT */
/* The sites of all live blocks: their owners, and which are asked about. Private to the room. */
#ifndef HEAPTAP_SRC_LEAKS_WHO_SITES_H
#define HEAPTAP_SRC_LEAKS_WHO_SITES_H

#include "leaks/who.h"

struct ht_who_site {
    ht_ref ref;
    uint32_t owner; /* in ht_who.owner */
    uint64_t rate;
    bool asked; /* its stack matches */
};

struct ht_who_sites {
    struct ht_who_site *site; /* by ref */
    size_t n;
};

/* Makes the list, and sets the owners of w. 0, or -errno with msg. ht_who_sites_free in either
 * case.
 */
int ht_who_sites_make(struct ht_who *w, const struct ht_who_options *o, struct ht_who_sites *out,
                      char *msg, size_t msg_size);
void ht_who_sites_free(struct ht_who_sites *s);

/* NULL: the site is not known. */
const struct ht_who_site *ht_who_site_find(const struct ht_who_sites *s, ht_ref ref);

#endif
