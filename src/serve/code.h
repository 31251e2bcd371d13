/* SPDX-License-Identifier: MIT */
/*
 * The machine code of a function, by binutils' objdump: its own, and what of it was inlined into
 * others. A profile is not trusted: a file is read only when it has the build-id that the profile
 * names.
 */
#ifndef HEAPTAP_SRC_SERVE_CODE_H
#define HEAPTAP_SRC_SERVE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "symbolize/fde.h"
#include "symbolize/find.h"

struct ht_profile;
struct ht_location;
struct ht_mapping;

enum { HT_CODE_BINARIES = 8, HT_CODE_PIECES = 12, HT_CODE_BYTES = 512 * 1024 };

struct ht_code_binary {
    const struct ht_mapping *mapping; /* one of the file's */
    struct ht_found found;
    struct ht_fdes *fdes; /* NULL: it cannot be used */
};

/* A function's code, of which the asked one is all (own), or has a part of it. */
struct ht_code_piece {
    uint32_t binary;
    bool own;
    uint64_t start, end; /* addresses in the file */
    uint64_t weight;     /* samples */
    const struct ht_mapping *mapping;
    uint64_t slide; /* what a location's address in the profile is higher by */
};

struct ht_instruction {
    uint64_t at; /* address in the file */
    char *text;
    uint32_t piece;
    const struct ht_location *known; /* where it belongs, from the profile or from .names; may be
                                        NULL */
};

struct ht_code {
    const char *name;
    struct ht_code_binary binaries[HT_CODE_BINARIES];
    size_t n_binaries;
    struct ht_code_piece *pieces; /* heaviest first */
    size_t n_pieces;
    struct ht_instruction *list; /* piece after piece, each by address */
    size_t n, cap;
    struct ht_profile *names; /* a location for each instruction; NULL before ht_code_disassemble */
};

/*
 * Finds the pieces. pid: the process, 0 when there is none. 0, or -errno with one line in why:
 * -ESRCH when the profile has no code of it. Uses the marks of p's locations.
 */
int ht_code_find(struct ht_code *c, struct ht_profile *p, const char *name, pid_t pid, char *why,
                 size_t why_size);

/*
 * Disassembles them, and marks each location of p that is the function's with the number of its
 * instruction plus 1, the others with 0. names: gives a profile names. 0, -ENOENT when there is no
 * objdump, or another -errno.
 */
int ht_code_disassemble(struct ht_code *c, struct ht_profile *p,
                        void (*names)(void *ctx, struct ht_profile *p, pid_t pid), void *ctx,
                        pid_t pid);

/* Also of one that is zeroed. */
void ht_code_finish(struct ht_code *c);

#endif
