/* SPDX-License-Identifier: MIT */
/*
 * Finds the live blocks of a process that nothing points to, from outside and without stopping it.
 * Every aligned word of the process's readable memory is looked at, in several passes. A block is
 * leaked if no word points into it in any pass. Where all blocks are known (in exact mode, and in a
 * heap of glibc's), blocks that only leaked blocks lead to are found too.
 */
#ifndef HEAPTAP_SRC_LEAKS_LEAKS_H
#define HEAPTAP_SRC_LEAKS_LEAKS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region/layout.h"
#include "remote/remote.h"
#include "snapshot/region.h"

enum ht_leak_grade {
    HT_LEAK_NONE,
    HT_LEAK_UNREFERENCED, /* no word points into it */
    HT_LEAK_UNREACHABLE,  /* only leaked blocks point into it */
    HT_LEAK_IDLE,         /* it is reachable, and was not touched for a while: no leak */
    HT_LEAK_GRADES,
};

/* Why memory was not read, though it may hold pointers. */
enum ht_leak_unseen {
    HT_UNSEEN_SWAPPED,
    HT_UNSEEN_ABSENT, /* shared memory that is not mapped in at present */
    HT_UNSEEN_DEVICE,
    HT_UNSEEN_USERFAULT, /* registered with userfaultfd: reading might wait for its handler */
    HT_UNSEEN_SECRET,    /* memfd_secret */
    HT_UNSEEN_CLOSED,    /* present, and protected against reading */
    HT_UNSEEN_FAILED,    /* unmapped meanwhile, or reading failed */
    HT_UNSEEN_KINDS,
};

/* words.c: the names of grades, and of reasons why memory is not read. */
const char *ht_leak_grade_name(enum ht_leak_grade grade);
/* "swapped out", "of devices"...; and as a key: "swapped", "device"... */
const char *ht_leak_unseen_name(enum ht_leak_unseen kind);
const char *ht_leak_unseen_key(enum ht_leak_unseen kind);

/* A live block that is looked for. */
struct ht_leak_block {
    uint64_t addr, size;
    ht_ref record, site;
    uint32_t sequence;
    uint32_t time; /* seconds after the region's start */
    /* Unreachable: index of the leaked block that leads to it; HT_LEAK_NO_HEAD: it is no sample. */
    uint32_t head;
    uint32_t held;       /* unreferenced: how many leaked blocks it leads to, sampled or not */
    uint64_t held_bytes; /* their size; for blocks without a sample, the size of the chunk */
    uint8_t grade;       /* enum ht_leak_grade */
    bool idle;           /* it was not touched */
    bool gone;           /* freed meanwhile */
};

#define HT_LEAK_NO_HEAD UINT32_MAX

struct ht_leaks;

struct ht_leak_options {
    unsigned passes;   /* at least; 1 to HT_LEAK_PASSES */
    uint64_t every_ns; /* between the starts of two passes */
    uint64_t budget;   /* bytes read a second; 0: no limit */
    bool stop;         /* look at the registers of all threads, each stopped for a moment */
    bool plain;        /* without AVX2; for tests */
    uint64_t
        idle_ns; /* before the passes wait so long, and see which blocks are not touched; 0: no */
    bool idle_writes; /* see only what is written to (idle.h) */
    /* The process waits at its end (region/layout.h, leak_look). Its other threads are held during
     * the look, so one pass is enough. The calling thread must end soon (hold.h). */
    bool ending;
    /* Once this is not 0, the look soon ends with -EINTR. May be NULL. */
    const volatile sig_atomic_t *cancel;
    /* Called after each pass, and while one runs, with `done` of `all` bytes. May be NULL. */
    void (*progress)(void *ctx, const struct ht_leaks *l, uint64_t done, uint64_t all);
    void *ctx;
};

enum { HT_LEAK_PASSES = 100 };

struct ht_leaks {
    struct ht_region region;     /* as read before the first pass; open until ht_leaks_free */
    struct ht_leak_block *block; /* by address */
    size_t n;                    /* how many were looked for, less those freed meanwhile */
    bool exact;                  /* all blocks are known */
    bool walked;         /* sampled, and glibc's heap was walked: `unreachable` is found too */
    char unwalked[160];  /* sampled, and it was not walked: the reason */
    uint64_t not_walked; /* bytes of its heaps in which the last pass recognised no chunks */
    size_t outside;      /* sampled blocks outside of the heaps that were walked */
    unsigned n_passes;
    size_t candidates[HT_LEAK_PASSES]; /* left after each pass */
    size_t n_of[HT_LEAK_GRADES];
    size_t freed;     /* blocks that were freed meanwhile */
    uint64_t read;    /* bytes read by the last pass */
    uint64_t read_ns; /* time of the last pass, without waits for the budget */
    uint64_t unseen[HT_UNSEEN_KINDS];
    unsigned threads, stopped, unstopped; /* all; those whose registers were read, or were not */
    uint64_t longest_stop_ns;
    size_t in_registers; /* candidates that a register pointed to */
    /* The look was at the process's end, with all threads held. longest_stop_ns is then how long
     * `stopped` threads were held; 0: there were no others. */
    bool ending;
    uint64_t lost_frees; /* frees that heaptap lost: so many of the blocks may be free */
    uint64_t now_s;      /* seconds after the region's start */
    uint64_t idle_ns;    /* blocks were watched for so long; 0: they were not */
    bool idle_writes;    /* for writes alone */
};

/*
 * look.c: looks for leaks. r: the process, open; its maps are read again. 0, or -errno with one
 * line in msg: -ESRCH (it ended or became another program), -ENOENT (it is not profiled), -EPERM,
 * -ENOMEM. ht_leaks_free in either case. One thread at a time.
 */
int ht_leaks_look(struct ht_remote *r, const struct ht_leak_options *o, struct ht_leaks *out,
                  char *msg, size_t msg_size);
void ht_leaks_free(struct ht_leaks *l);

/* --- rows.c: what leaked, as a profile ----------------------------------------------------------
 */

#include "evidence/interval.h"

/* The leaked blocks of one grade of one site. */
struct ht_leak_row {
    ht_ref site;
    enum ht_leak_grade grade;
    uint64_t rate;
    struct ht_evidence bytes, objects;
    uint64_t oldest_s;
    size_t blocks;
};

struct ht_leak_rows {
    struct ht_leak_row *row;
    size_t n;
    struct ht_profile *profile; /* all memory in use; leaked samples have the label "leak" */
    uint32_t *of_sample;        /* the row of each sample; UINT32_MAX: not leaked */
};

/* Makes the rows and the profile, without names. The caller may symbolize the profile if the
 * samples stay as they are. 0, or -errno with msg. ht_leak_rows_free in either case. */
int ht_leak_rows_make(const struct ht_leaks *l, struct ht_leak_rows *rows, char *msg,
                      size_t msg_size);
void ht_leak_rows_free(struct ht_leak_rows *rows);

/* The row of a block's site and grade; NULL: there is none. */
const struct ht_leak_row *ht_leak_rows_find(const struct ht_leak_rows *rows,
                                            const struct ht_leak_block *b);

/* Adds a block that was sampled. */
void ht_leak_evidence_add(struct ht_evidence *bytes, struct ht_evidence *objects, uint64_t size,
                          double rate);

struct ht_suppressions;

/*
 * suppress.c: ungrades the leaked blocks of sites that s names, and the blocks that only these lead
 * to. named: the rows of l, with names; the caller makes them anew afterwards. *suppressed: how
 * many blocks. 0 or -ENOMEM.
 */
int ht_leaks_suppress(struct ht_leaks *l, const struct ht_leak_rows *named,
                      const struct ht_suppressions *s, size_t *suppressed);

/* A new profile of the leaked samples only. NULL: out of memory. */
struct ht_profile *ht_leak_rows_leaked(const struct ht_leak_rows *rows);

#endif
