/* SPDX-License-Identifier: MIT */
/*
 * The pprof model in memory: what a profile file says, as plain structures.
 *
 * Ownership: a profile owns everything that hangs off it. All strings are interned in the
 * profile's own table (equal strings are the same pointer; the empty string is ht_profile_str(p,
 * "") and never NULL), so they can be compared by pointer inside one profile and live as long as it
 * does. Not thread-safe: one thread at a time on one profile. A `mark` is scratch of the operation
 * at hand: any call that takes a profile that is not const may leave anything in it.
 *
 * profile.c has what is not said to be elsewhere.
 */
#ifndef HEAPTAP_SRC_PROFILE_PROFILE_H
#define HEAPTAP_SRC_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_value_type {
    const char *type; /* "inuse_space" */
    const char *unit; /* "bytes" */
};

/* A string label when str is not NULL, else a numeric one. */
struct ht_label {
    const char *key;
    const char *str;
    int64_t num;
    const char *num_unit; /* "" when none */
};

/* One executable segment of a mapped object. */
struct ht_mapping {
    uint64_t id; /* the file's id; 1-based position when the profile was built here */
    uint64_t start, limit, offset;
    const char *file;
    const char *build_id; /* lower-case hex, "" when unknown */
    bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
    uintptr_t mark;
};

struct ht_function {
    uint64_t id;
    const char *name;        /* demangled */
    const char *system_name; /* as in the symbol table */
    const char *filename;
    int64_t start_line;
    uintptr_t mark;
};

struct ht_line {
    struct ht_function *function;
    int64_t line;
    int64_t column;
};

struct ht_location {
    uint64_t id;
    struct ht_mapping *mapping; /* NULL when unknown */
    uint64_t address;
    struct ht_line *lines; /* innermost inlined function first */
    size_t n_lines;
    bool is_folded;
    uintptr_t mark;
};

/* Locations and labels may be those of other samples, too: who changes one writes a new array. */
struct ht_sample {
    struct ht_location **locations; /* leaf first */
    int64_t *values;                /* n_sample_types of them */
    struct ht_label *labels;
    uint32_t n_locations, n_labels;
};

struct ht_profile {
    struct ht_value_type *sample_types;
    size_t n_sample_types;
    struct ht_sample *samples;
    size_t n_samples;
    struct ht_mapping **mappings; /* [0] is the main binary */
    size_t n_mappings;
    struct ht_location **locations;
    size_t n_locations;
    struct ht_function **functions;
    size_t n_functions;
    const char **comments;
    size_t n_comments;
    const char *drop_frames, *keep_frames; /* regexes, "" when none */
    int64_t time_nanos, duration_nanos;
    struct ht_value_type period_type;
    int64_t period;
    const char *default_sample_type; /* "" when unset */
    const char *doc_url;
    struct ht_profile_store *store; /* arena and string table; private to profile.c */
};

/* Creates an empty profile. Returns NULL when out of memory. */
struct ht_profile *ht_profile_create(void);

/* Destroys a profile and all it owns. NULL is accepted. */
void ht_profile_destroy(struct ht_profile *p);

/* How the place of a function begins that has no name: behind it stands the address at which it
 * begins in its file. Behind the file's name ("libx.so+0x3f2a10") it stands for the name. */
#define HT_PLACE_NAME "+0x"

/* Whether the function of a location is known by its place alone. */
bool ht_location_is_place(const struct ht_location *l);

/* Interns a string in the profile. NULL counts as "". Returns NULL only when out of memory. */
const char *ht_profile_str(struct ht_profile *p, const char *s);
const char *ht_profile_strn(struct ht_profile *p, const char *s, size_t n);

/* Zeroed memory that lives as long as the profile. NULL when out of memory. */
void *ht_profile_alloc(struct ht_profile *p, size_t n);

/* Append a new zeroed object (its strings "", its id one above the highest there is: the 1-based
 * position in a profile built here). NULL when out of memory. */
struct ht_mapping *ht_profile_add_mapping(struct ht_profile *p);
struct ht_location *ht_profile_add_location(struct ht_profile *p);
struct ht_function *ht_profile_add_function(struct ht_profile *p);

/* Appends a sample with zeroed values (n_sample_types of them: add the sample types first) and
 * room for so many locations and labels, which the caller fills in. The pointer is good until the
 * next sample is added. NULL when out of memory. */
struct ht_sample *ht_profile_add_sample(struct ht_profile *p, size_t n_locations, size_t n_labels);

/* 0 or -ENOMEM. */
int ht_profile_add_sample_type(struct ht_profile *p, const char *type, const char *unit);
int ht_profile_add_comment(struct ht_profile *p, const char *comment);

/*
 * feed.c: decodes a pprof profile (gzipped or raw proto) or a legacy text heap profile (gperftools,
 * jemalloc, Go debug=1) from memory. On failure returns NULL, sets *err to -errno (-EINVAL for
 * malformed input) and writes one line saying what is wrong and where into msg.
 */
struct ht_profile *ht_profile_decode(const void *data, size_t size, int *err, char *msg,
                                     size_t msg_size);

/* file.c: the same from a file; "-" is standard input. The message names the path. */
struct ht_profile *ht_profile_read_file(const char *path, int *err, char *msg, size_t msg_size);

/* encode.c: encodes as gzipped (or raw) proto into a malloc'ed buffer. 0 or -errno. */
int ht_profile_encode(const struct ht_profile *p, bool gzip, void **data, size_t *size);

/* legacy_write.c: the same as gperftools' text, for readers that know no proto. -EINVAL with msg
 * when the profile is a difference or of something else than a heap. */
int ht_profile_encode_text(const struct ht_profile *p, void **data, size_t *size, char *msg,
                           size_t msg_size);

/* file.c: writes a file by way of a temporary name beside it and rename(2); an old file of that
 * name stays whole if anything fails. 0 or -errno. */
int ht_profile_write_file(const struct ht_profile *p, const char *path);

/* file.c: the same for any bytes. "-" is standard output; a path that is no regular file (a pipe,
 * /dev/stdout) is written to. */
int ht_file_replace(const char *path, const void *data, size_t size);

/* file.c: the path that rename(2) may replace for this one: a link's target, never the link, and
 * nothing in /dev. *target is to be freed; NULL: there is none, the path is to be opened and
 * written to. 0, -ENOMEM, or -EACCES: somebody else put it into a directory that is everybody's. */
int ht_file_target(const char *path, char **target);

/* check.c: 0 when the profile keeps pprof's rules (CheckValid), else -EINVAL with a line in msg. */
int ht_profile_check(const struct ht_profile *p, char *msg, size_t msg_size);

#endif
