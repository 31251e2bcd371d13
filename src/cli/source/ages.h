/* SPDX-License-Identifier: MIT */
/* --min-age, --max-age and --ages. */
#ifndef HEAPTAP_SRC_CLI_SOURCE_AGES_H
#define HEAPTAP_SRC_CLI_SOURCE_AGES_H

#include "snapshot/region.h"

#define HT_AGE_LIMITS_HELP                                                                         \
    "  --min-age=TIME      only objects at least this old: 30s, 10m, 2h, 1d\n"                     \
    "  --max-age=TIME      only objects no older\n"

#define HT_AGES_HELP                                                                               \
    HT_AGE_LIMITS_HELP                                                                             \
    "  --ages              a label with the age, for -tagfocus=age=600s: and the like\n"

/* Strings may be NULL. 0, or -EINVAL with a line in msg. */
int ht_ages_parse(struct ht_region_ages *out, const char *min, const char *max, bool label,
                  char *msg, size_t msg_size);

#endif
