/* SPDX-License-Identifier: MIT */
/* The bearer token of `serve` and `push`. */
#ifndef HEAPTAP_SRC_CLI_WEB_TOKEN_H
#define HEAPTAP_SRC_CLI_WEB_TOKEN_H

#define HT_TOKEN_SIZE 1024

/* Reads a token: the first line of a file. 0, or 1 after a complaint on standard error. */
int ht_token_read(const char *path, char token[HT_TOKEN_SIZE]);

#endif
