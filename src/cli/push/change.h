/* SPDX-License-Identifier: MIT */
/* What a profile that is sent says of the time since the one before. */
#ifndef HEAPTAP_SRC_CLI_PUSH_CHANGE_H
#define HEAPTAP_SRC_CLI_PUSH_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

struct ht_profile;

/* What was allocated since `base` (gzipped), an earlier moment of the same process, and what is in
 * use now. Takes p. base NULL: everything was allocated since, or, with `unknown`, it is not known
 * what was, and left out. NULL with one line in msg. */
struct ht_profile *ht_push_change(struct ht_profile *p, const void *base, size_t base_size,
                                  bool unknown, char *msg, size_t msg_size);

#endif
