/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_CLI_WEB_TOKEN_H
#define HEAPTAP_SRC_CLI_WEB_TOKEN_H

#define HT_TOKEN_SIZE 1024

/* The first line of a file. 0, or 1 after a complaint. */
int ht_token_read(const char *path, char token[HT_TOKEN_SIZE]);

#endif
