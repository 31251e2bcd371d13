/* SPDX-License-Identifier: MIT */
/* URLs with a password in them. */
#ifndef HEAPTAP_SRC_CLI_PUSH_ADDRESS_H
#define HEAPTAP_SRC_CLI_PUSH_ADDRESS_H

#include <stddef.h>

/* The URL as it may be shown: without user, password and parameters. */
void ht_push_url_shown(const char *url, char *out, size_t size);

/* User and password of a URL in the arguments are overwritten there, for others can read them: the
 * URL as it was, to be freed; NULL: out of memory. */
char *ht_push_url_take(char *url);

#endif
