/* SPDX-License-Identifier: MIT */
/*
 * Writes a region as a pprof profile, one message at a time, in a fixed workspace and without
 * allocation: the same code runs in the target's signal handler and in a reader outside.
 */
#ifndef HEAPTAP_SRC_REGION_STREAM_H
#define HEAPTAP_SRC_REGION_STREAM_H

#include <stdbool.h>

#include "region/view.h"

/* Takes bytes; 0 or -errno, which ends the stream. */
typedef int (*ht_sink_fn)(void *sink, const void *data, size_t size);

/* One sample of a site. */
struct ht_stream_part {
    struct ht_values values;
    int64_t age; /* label "age" in seconds, -1: none */
};

struct ht_stream_options {
    bool gzip;
    bool without_dead;      /* what part says is of live objects alone: nothing of folded sites */
    bool without_inherited; /* nothing of what a forked child has from its parent */
    int level;              /* of gzip's effort, 1 to 9; 0: 6 */
    int64_t time_nanos;
    /* When set, says what a site's samples are: asked with index 0, 1, ... until it is false. One
     * that is all zero is left out. For a reader that tells live objects apart. */
    bool (*part)(void *ctx, ht_ref ref, const struct ht_site *site, uint32_t index,
                 struct ht_stream_part *out);
    void *ctx;
    bool mappings_alone; /* part is asked about sites of mappings, and not about those of the heap;
                            its values are the first four */
    /* When set: the symbol of the function around an address of a module, for one whose names a
     * reader will not find; NULL: none. */
    const char *(*name)(const struct ht_module *m, uint64_t address);
};

/* About 230 KiB; needs no initialisation. One stream at a time in one. */
struct ht_stream_workspace {
    uint64_t locations[HT_MAX_DEPTH + 1];
    int64_t label_strings[HT_LABEL_SETS]; /* of each set the first of its strings; 0: not written */
    unsigned char message[24576];
    unsigned char output[8192];
    char path[16384];
    unsigned char deflate[160 * 1024];
    size_t deflate_used;
};

/*
 * A stack that is not whole has a function named "[truncated]" for its root. Where it was cut at
 * the configured depth, that function's symbol is this text, the depth, and "]".
 */
#define HT_TRUNCATED  "[truncated]"
#define HT_CUT_SYMBOL "[truncated at --depth="

/* Streams the profile. Returns the number of samples written, or -errno. Async-signal-safe when
 * the sink is. */
int64_t ht_stream_profile(const struct ht_view *v, const struct ht_stream_options *o,
                          struct ht_stream_workspace *w, ht_sink_fn sink, void *sink_ctx);

/* True when some site of the region has a sample. */
bool ht_region_has_samples(const struct ht_view *v);

#endif
