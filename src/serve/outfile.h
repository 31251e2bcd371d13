/* SPDX-License-Identifier: MIT */
/* A file that appears whole or not at all; "-" is standard output. */
#ifndef HEAPTAP_SRC_SERVE_OUTFILE_H
#define HEAPTAP_SRC_SERVE_OUTFILE_H

#include <stdio.h>

struct ht_outfile {
    FILE *f;
    const char *path;
    char *temporary; /* NULL when written in place */
    char *target;    /* what it becomes */
};

/* 0 or -errno. */
int ht_outfile_open(struct ht_outfile *o, const char *path);

/* Standard output for a text that may have names of others' making in it: ht_plain_byte's. */
int ht_outfile_open_plain(struct ht_outfile *o);

/* Ends it; with an err other than 0 nothing appears. Returns err, or what went wrong here. */
int ht_outfile_close(struct ht_outfile *o, int err);

#endif
