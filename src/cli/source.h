/* SPDX-License-Identifier: MIT */
/* SOURCE, as every command that reads a profile takes it. */
#ifndef HEAPTAP_SRC_CLI_SOURCE_H
#define HEAPTAP_SRC_CLI_SOURCE_H

#include "profile/profile.h"

/* What a SOURCE may be, for help texts. */
#define HT_SOURCE_HELP \
    "SOURCE is a profile (pprof's, gzipped or not; gperftools' or jemalloc's text), - for standard\n" \
    "input, or an http or https URL.\n"

/* Reads the profile that the source names. NULL with *err and one line, which names the source. */
struct ht_profile *ht_source_load(const char *source, int *err, char *msg, size_t msg_size);

/* source_http.c */
bool ht_source_is_url(const char *source);
struct ht_profile *ht_source_load_url(const char *url, int *err, char *msg, size_t msg_size);

#endif
