/* SPDX-License-Identifier: MIT */
/* What dump and recover share: a region into a profile file. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_SAVE_H
#define HEAPTAP_SRC_CLI_PROCESS_SAVE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/words.h"
#include "snapshot/region.h"

struct ht_dump_options {
    const char *min_age, *max_age, *demangle;
    bool label_ages, raw, fast, quiet;
    bool owners;                /* print the largest owners, unless raw or quiet */
    struct ht_region_ages ages; /* by check */
};

#define HT_DUMP_OPTIONS_MAX 12

void ht_dump_options_init(struct ht_dump_options *o, struct ht_word_option *words,
                          const char **output);

/* 0, or -EINVAL with a line in msg. */
int ht_dump_options_check(struct ht_dump_options *o, char *msg, size_t msg_size);

/* Writes the profile of a PID or region to output; NULL: heaptap.NAME.PID.pb.gz in this directory.
 * Says where. 0 or -errno with a line in msg. */
int ht_dump_save(const char *word, const struct ht_dump_options *o, const char *output, char *msg,
                 size_t msg_size);

/* The same for a region that is open. */
int ht_dump_save_region(const struct ht_region *r, const char *word,
                        const struct ht_dump_options *o, const char *output, char *msg,
                        size_t msg_size);

/* heaptap.NAME.PID.pb.gz with a name that is safe in any directory. */
void ht_dump_default_name(const struct ht_region *r, char *out, size_t size);

#endif
