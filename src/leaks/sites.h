/* SPDX-License-Identifier: MIT */
/* What leaked, by owner. */
#ifndef HEAPTAP_SRC_LEAKS_SITES_H
#define HEAPTAP_SRC_LEAKS_SITES_H

#include <stdio.h>

#include "leaks/leaks.h"

/* The leaked blocks of one owner and grade, added up; for unreferenced ones also the blocks that
 * only they lead to. */
struct ht_leak_site {
    const char *name; /* the owner's: "open_session" */
    char *text;       /* the name with its callers; to be freed */
    enum ht_leak_grade grade;
    struct ht_evidence bytes, objects;
    double rate;  /* the largest of its samples; 1 or less: every block is known */
    double inuse; /* all that the owner has in use, in bytes */
    uint64_t oldest_s;
    size_t blocks;           /* how many were seen, sampled blocks counted once */
    double held, held_bytes; /* of the blocks that only these lead to; estimates, as bytes */
};

struct ht_leak_sites {
    struct ht_leak_site *site; /* the most bytes first; unreferenced before unreachable */
    size_t n;
    double inuse; /* of the process, in bytes */
    double bytes; /* leaked */
};

/* Adds rows up by owner, and removes the allocator's frames from the profile of rows. 0, or -errno
 * with a line in msg; ht_leak_sites_free in either case. */
int ht_leak_sites_make(const struct ht_leaks *l, struct ht_leak_rows *rows,
                       struct ht_leak_sites *out, char *msg, size_t msg_size);
void ht_leak_sites_free(struct ht_leak_sites *s);

/* The 95 % intervals of a site's figures. */
struct ht_interval ht_leak_site_bytes(const struct ht_leak_site *s);
struct ht_interval ht_leak_site_objects(const struct ht_leak_site *s);

/* The program's name, from the region, where it may be any bytes; control characters are replaced.
 */
const char *ht_leaks_program(const struct ht_leaks *l, char out[256]);

/* sites_json.c: writes the result as one JSON object (docs/json.md). 0, or -ENOMEM. */
int ht_leaks_json(FILE *out, const struct ht_leaks *l, const struct ht_leak_sites *s);

#endif
