/* SPDX-License-Identifier: MIT */
/* SOURCE, as every command that reads a profile takes it. */
#ifndef HEAPTAP_SRC_CLI_SOURCE_SOURCE_H
#define HEAPTAP_SRC_CLI_SOURCE_SOURCE_H

#include "profile/ops.h"
#include "profile/profile.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"

/* What a SOURCE may be, for help texts. */
#define HT_SOURCE_HELP                                                                             \
    "SOURCE is a profile (pprof's, gzipped or not; gperftools' or jemalloc's text), - for "        \
    "standard\n"                                                                                   \
    "input, a URL (http, https or HOST:PORT/PATH), the PID, name or @UNIT of a profiled process, " \
    "or\na region file.\n"

/* Reads the profile that the source names. NULL with *err and one line, which names the source. */
struct ht_profile *ht_source_load(const char *source, int *err, char *msg, size_t msg_size);

/* Options for processes and regions; either may be NULL. Their symbols are found here, because
 * only here the process is known. */
struct ht_source_options {
    const struct ht_region_ages *ages;
    const struct ht_symbolize_options *symbolize;
    bool files_too; /* add names to profiles from files, too */
    /* NULL, or the program of a profile's first mapping (cli/source/binary.h) */
    const char *binary;
};

/* A process, by PID or name, or a region file. */
bool ht_source_is_region(const char *source);

struct ht_profile *ht_source_load_with(const char *source, const struct ht_source_options *o,
                                       int *err, char *msg, size_t msg_size);

/* Adds a source to a sum. see, ctx and rest are as of ht_merge_add_file: *rest has no samples, or
 * all. 0, or -errno with one line. */
int ht_source_merge(struct ht_merge *sum, const char *source, const struct ht_source_options *o,
                    ht_merge_see_fn see, void *ctx, struct ht_profile **rest, char *msg,
                    size_t msg_size);

/* The sum of several, merged one by one, so that never more than one and the sum are in memory; of
 * most files the sum alone. A single one is put through merge too when compact. */
struct ht_profile *ht_sources_load(const char *const *sources, size_t n, bool compact,
                                   const struct ht_source_options *o, int *err, char *msg,
                                   size_t msg_size);

bool ht_url_has_scheme(const char *source);
/* A URL, or "host:port/path" that is no file: http then. */
bool ht_source_is_url(const char *source);
/* source_http.c; without libcurl without_curl.c, which always fails. */
struct ht_profile *ht_source_load_url(const char *source, int *err, char *msg, size_t msg_size);

#endif
