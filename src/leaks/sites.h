/* SPDX-License-Identifier: MIT */
/* What leaked, by owner. */
#ifndef HEAPTAP_SRC_LEAKS_SITES_H
#define HEAPTAP_SRC_LEAKS_SITES_H

#include <stdio.h>

#include "leaks/leaks.h"

/* What one owner's leaked blocks of one grade come to; for an unreferenced one also what its blocks
 * alone lead to. */
struct ht_leak_site {
    const char *name; /* "open_session", the owner's */
    char *text;       /* with its callers; to free */
    enum ht_leak_grade grade;
    struct ht_evidence bytes, objects;
    double rate;  /* the largest; at most 1: every block is known */
    double inuse; /* all that the owner has in use, in bytes */
    uint64_t oldest_s;
    size_t blocks;           /* that were seen */
    double held, held_bytes; /* estimates, as bytes is */
};

struct ht_leak_sites {
    struct ht_leak_site *site; /* the most bytes first; unreferenced before unreachable */
    size_t n;
    double inuse; /* of the process, in bytes */
    double bytes; /* leaked */
};

/* Changes the profile of rows: frames of the allocator go. 0 or -errno with msg; free in any case.
 */
int ht_leak_sites_make(const struct ht_leaks *l, struct ht_leak_rows *rows,
                       struct ht_leak_sites *out, char *msg, size_t msg_size);
void ht_leak_sites_free(struct ht_leak_sites *s);

/* The intervals of a site's figures, with 95 %. */
struct ht_interval ht_leak_site_bytes(const struct ht_leak_site *s);
struct ht_interval ht_leak_site_objects(const struct ht_leak_site *s);

/* The program's name; the region has it, and so any bytes: here they are plain text. */
const char *ht_leaks_program(const struct ht_leaks *l, char out[256]);

/* sites_json.c: all of it as one object of JSON (docs/json.md). 0, or -ENOMEM. */
int ht_leaks_json(FILE *out, const struct ht_leaks *l, const struct ht_leak_sites *s);

#endif
