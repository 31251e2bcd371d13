/* SPDX-License-Identifier: MIT */
/*
 * libcurl, opened when the first URL is used and not before: loading it and the thirty libraries it
 * needs takes longer than most reports.
 */
#ifndef HEAPTAP_SRC_CLI_SOURCE_CURL_LIBRARY_H
#define HEAPTAP_SRC_CLI_SOURCE_CURL_LIBRARY_H

#include <curl/curl.h>
#include <stdbool.h>

#define HT_CURL_FUNCTIONS(X)                                                                       \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(easy_perform)                                                                                \
    X(easy_getinfo)                                                                                \
    X(easy_cleanup)                                                                                \
    X(easy_strerror)                                                                               \
    X(easy_escape)                                                                                 \
    X(free)                                                                                        \
    X(slist_append)                                                                                \
    X(slist_free_all)

struct ht_curl {
#define X(name) __typeof__(curl_##name) *name;
    HT_CURL_FUNCTIONS(X)
#undef X
};

/* False when libcurl is not installed. The library stays: what it sets up in a process does not
 * come down again. */
bool ht_curl_open(struct ht_curl *c);

#define HT_CURL_MISSING "URLs need libcurl (on Debian: apt install libcurl4)"

#endif
