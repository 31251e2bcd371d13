/* SPDX-License-Identifier: MIT */
/* A file that appears whole or not at all; "-" is standard output. */
#ifndef HEAPTAP_SRC_SERVE_OUTFILE_H
#define HEAPTAP_SRC_SERVE_OUTFILE_H

#include <stdio.h>

struct ht_outfile {
    FILE *f;
    const char *path;
    char *temporary; /* NULL when written in place */
    char *target;    /* the final name */
};

/* 0 or -errno. */
int ht_outfile_open(struct ht_outfile *o, const char *path);

/* Standard output for a text with names from a profile: control characters are replaced
 * (ht_plain_byte). */
int ht_outfile_open_plain(struct ht_outfile *o);

/* Completes the file; with an err other than 0 none appears. Returns err, or the error here. */
int ht_outfile_close(struct ht_outfile *o, int err);

#endif
