/* SPDX-License-Identifier: MIT */
/* Secrets for a store, from a file: arguments can be read by others. */
#ifndef HEAPTAP_SRC_CLI_PUSH_HEADERS_H
#define HEAPTAP_SRC_CLI_PUSH_HEADERS_H

#include "cli/words.h"

/* Lines "Name: value" of a file; empty ones and those that begin with # are passed over. A file
 * that others can read gets a warning. 0, or 1 after a complaint; the words are to be given to
 * finish either way. */
int ht_push_headers_read(const char *path, struct ht_words *headers);
void ht_push_headers_finish(struct ht_words *headers);

#endif
