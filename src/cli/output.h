/* SPDX-License-Identifier: MIT */
/* Where a command's result goes: standard output, or a file that appears only when it is whole. */
#ifndef HEAPTAP_SRC_CLI_OUTPUT_H
#define HEAPTAP_SRC_CLI_OUTPUT_H

#include <stdio.h>

struct ht_output {
    FILE *file;
    const char *path; /* NULL: standard output */
    char *temp;       /* renamed to path at the end; NULL when path is no plain file */
};

/* 0 or -errno; path NULL, "" or "-" is standard output. */
int ht_output_open(struct ht_output *o, const char *path);

/* Ends it: with failed set the file is dropped and an old one stays. 0 or -errno of the writing. */
int ht_output_close(struct ht_output *o, int failed);

#endif
