/* SPDX-License-Identifier: MIT */
/* What is said of stacks that are not whole, and what would have more of them. */
#ifndef HEAPTAP_SRC_CLI_SOURCE_TRUNCATED_H
#define HEAPTAP_SRC_CLI_SOURCE_TRUNCATED_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

/* One line, without a newline, about n profiles together. False, and "": of what they allocated
 * less than a hundredth has a stack that is cut. Needs the profiles' own functions; names may be
 * there.
 */
bool ht_truncated_line(struct ht_profile *const *profiles, size_t n, char *line, size_t size);

#endif
