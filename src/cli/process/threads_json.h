/* SPDX-License-Identifier: MIT */
/* `heaptap threads --json`. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_THREADS_JSON_H
#define HEAPTAP_SRC_CLI_PROCESS_THREADS_JSON_H

#include <stdio.h>

struct ht_profile;
struct ht_remote;
struct ht_remote_threads;

/* Writes every thread with its stack (docs/json.md has the fields). each: a sample for each thread,
 * as in remote/text.h. 0 or -errno. */
int ht_threads_json(FILE *out, const struct ht_remote *r, const struct ht_remote_threads *t,
                    const struct ht_profile *each);

#endif
