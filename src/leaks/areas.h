/* SPDX-License-Identifier: MIT */
/* Which memory of a process may contain pointers of its own, and how that memory is read. From
 * outside; one thread at a time. */
#ifndef HEAPTAP_SRC_LEAKS_AREAS_H
#define HEAPTAP_SRC_LEAKS_AREAS_H

#include "leaks/leaks.h"

/* A part of the address space. */
struct ht_leak_area {
    uint64_t start, end;
    bool skip;                  /* not read: unseen says why */
    enum ht_leak_unseen unseen; /* where skip is set */
    bool file;                  /* private, of a file: unchanged pages are not read */
    bool shared;
};

struct ht_leak_areas {
    struct ht_leak_area *area; /* by address */
    size_t n;
    uint64_t resident; /* roughly how many bytes will be read */
};

/*
 * Reads the process's maps, without heaptap's own memory: the region, the library, its private
 * tables. 0 or -errno; -ESRCH: the process has ended. The caller frees out->area.
 */
int ht_leak_areas_read(struct ht_remote *r, const struct ht_view *region,
                       struct ht_leak_areas *out);

/*
 * Takes a range out of the areas. False, with nothing changed, unless the range lies in an area
 * that is read, private, and not of a file (with `file`, of a file too). False also when out of
 * memory.
 */
bool ht_leak_areas_cut(struct ht_leak_areas *areas, uint64_t start, uint64_t end, bool file);

/* --- reader.c ------------------------------------------------------------------------------------
 */

/* Is called with n words that were read, and their address. */
typedef void (*ht_leak_words_fn)(void *ctx, uint64_t at, const uint64_t *words, size_t n);

struct ht_leak_reader {
    struct ht_remote *r;
    int pagemap;
    uint64_t budget; /* bytes a second; 0: no limit */
    uint64_t began_ns, read, waited_ns;
    uint64_t due_ns; /* when what was read is within the budget */
    bool batch;      /* the thread's policy is SCHED_BATCH meanwhile */
    uint64_t unseen[HT_UNSEEN_KINDS];
    uint64_t *words;   /* HT_LEAK_READ bytes */
    uint64_t *entries; /* of the pagemap */
    bool met;          /* the last of them had a page that is present, or swapped out */
    const volatile sig_atomic_t *cancel; /* reading ends once this is not 0; NULL: it does not */
    ht_leak_words_fn fn;
    void *ctx;
    void (*told)(void *ctx, uint64_t read); /* called after each part; NULL: nothing is */
    void *told_ctx;
};

#define HT_LEAK_READ (256u << 10) /* bytes with one call */

/* 0 or -errno. To be closed in either case, by the same thread: with a budget its policy is
 * SCHED_BATCH until then. */
int ht_leak_reader_open(struct ht_leak_reader *d, struct ht_remote *r, uint64_t budget);
void ht_leak_reader_close(struct ht_leak_reader *d);

/* Reads those pages of a part of an area that are present; with `backwards` from the end. 0, or
 * -ESRCH when the process has ended. */
int ht_leak_reader_read(struct ht_leak_reader *d, const struct ht_leak_area *a, uint64_t start,
                        uint64_t end, bool backwards);

/* Reads one word. False: its page is not present, or could not be read. */
bool ht_leak_reader_word(struct ht_leak_reader *d, uint64_t at, uint64_t *word);

uint64_t ht_leak_now_ns(void);

#endif
