/* SPDX-License-Identifier: MIT */
/* The writing side of a stream. For stream.c and stream_folded.c alone. */
#ifndef HEAPTAP_SRC_REGION_STREAM_WRITE_H
#define HEAPTAP_SRC_REGION_STREAM_WRITE_H

#include <zlib.h>

#include "profile.pb-c.h"
#include "region/stream.h"

#define PB(name) Heaptap__Pprof__##name

struct stream {
    const struct ht_view *v;
    const struct ht_stream_options *o;
    struct ht_stream_workspace *w;
    ht_sink_fn sink;
    void *sink_ctx;
    z_stream z;
    int64_t n_strings;
    int error;
    unsigned refreshes;
    bool folded;         /* some sample has FOLDED_LOCATION */
    bool lost;           /* some sample has LOST_LOCATION */
    bool cut;            /* some sample has CUT_LOCATION */
    uint32_t cut_at;     /* the frames of one that has */
    bool mappings, peak; /* which values there are beside the four of the heap */
    bool at_peak;        /* more is in use than ever before: the peak is now */
    size_t n_values;
};

/* The most values of a sample: of the heap, of mappings, at the peak. */
enum { HEAP_VALUES = 4, VALUES = HEAP_VALUES + 2 + 2 };

/* Code in no object: a JIT's, or memory unmapped since. Readers insist on a mapping. */
enum { NO_OBJECT = 1 }; /* below every mapping_id */

/* Locations that are no frame's, have a name from the start, and a function of the same number.
 * Below those of all frames. */
enum {
    FOLDED_LOCATION = 1, /* of folded sites */
    LOST_LOCATION,       /* the root of a stack that could not be walked to its end */
    CUT_LOCATION,        /* the root of a stack that was cut at the configured depth */
};

/* Begins the compression. 0 or -ENOMEM. */
int ht_stream_gzip(struct stream *s);
void ht_stream_finish(struct stream *s);

/* Writes a message. The first error stays, and ends the writing. */
void ht_stream_put(struct stream *s, const PB(Profile) * part);

/* Adds to the string table. Returns the string's number. */
int64_t ht_stream_string(struct stream *s, char *text);

/* stream_folded.c: one sample for each class of sizes that sites were folded into;
 * bytes: the number of the string "bytes". Returns how many. */
int64_t ht_stream_folded(struct stream *s, int64_t bytes);

/* Writes those locations of no frame that samples have. folded, truncated: numbers of the strings
 * that are their names. */
void ht_stream_marks(struct stream *s, int64_t folded, int64_t truncated);

#endif
