/* SPDX-License-Identifier: MIT */
/* Which processes of a run lived at one moment: only their memory can be added up. */
#ifndef HEAPTAP_SRC_CLI_RUN_TOGETHER_H
#define HEAPTAP_SRC_CLI_RUN_TOGETHER_H

#include <stddef.h>

#include "cli/run/names.h"

/* Moves those to the front that lived at the moment at which they had most in use, by what each had
 * at its end. Returns how many; one whose times are not known lived alone. */
size_t ht_run_together(struct ht_run_named *list, size_t n);

#endif
