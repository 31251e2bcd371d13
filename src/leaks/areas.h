/* SPDX-License-Identifier: MIT */
/* Which memory of a process may hold its pointers, and is read. */
#ifndef HEAPTAP_SRC_LEAKS_AREAS_H
#define HEAPTAP_SRC_LEAKS_AREAS_H

#include "leaks/leaks.h"

/* A part of the address space. */
struct ht_leak_area {
    uint64_t start, end;
    bool skip;                  /* not read: unseen says why */
    enum ht_leak_unseen unseen; /* where skip is set */
    bool file;                  /* private, of a file: pages that are as the file are left out */
    bool shared;
};

struct ht_leak_areas {
    struct ht_leak_area *area; /* by address */
    size_t n;
    uint64_t resident; /* bytes that will be read, about */
};

/*
 * Reads the maps, without what is heaptap's own: the region, the library, its private tables. 0 or
 * -errno: -ESRCH it has ended. Freed by the caller: area.
 */
int ht_leak_areas_read(struct ht_remote *r, const struct ht_view *region,
                       struct ht_leak_areas *out);

/*
 * Takes a range out of the areas. False, with nothing changed, when it does not lie in one that is
 * read, private, and of no file unless `file`. out of memory: false too.
 */
bool ht_leak_areas_cut(struct ht_leak_areas *areas, uint64_t start, uint64_t end, bool file);

/* --- reading ------------------------------------------------------------------------------------
 */

/* Takes n words that lie at `at`. */
typedef void (*ht_leak_words_fn)(void *ctx, uint64_t at, const uint64_t *words, size_t n);

struct ht_leak_reader {
    struct ht_remote *r;
    int pagemap;
    uint64_t budget; /* bytes a second; 0: no limit */
    uint64_t began_ns, read, waited_ns;
    uint64_t unseen[HT_UNSEEN_KINDS];
    uint64_t *words;                     /* HT_LEAK_READ bytes */
    uint64_t *entries;                   /* of the pagemap */
    const volatile sig_atomic_t *cancel; /* not 0: no more is read; NULL: never */
    ht_leak_words_fn fn;
    void *ctx;
    void (*told)(void *ctx, uint64_t read); /* NULL: nobody is; after each part */
    void *told_ctx;
};

#define HT_LEAK_READ (256u << 10) /* bytes with one call */

/* 0 or -errno. close in any case. */
int ht_leak_reader_open(struct ht_leak_reader *d, struct ht_remote *r, uint64_t budget);
void ht_leak_reader_close(struct ht_leak_reader *d);

/* Reads the pages that are present of a part of an area, from the end where `backwards`. 0, or
 * -ESRCH when the process has ended. */
int ht_leak_reader_read(struct ht_leak_reader *d, const struct ht_leak_area *a, uint64_t start,
                        uint64_t end, bool backwards);

/* One word, if its page is present. */
bool ht_leak_reader_word(struct ht_leak_reader *d, uint64_t at, uint64_t *word);

uint64_t ht_leak_now_ns(void);

#endif
