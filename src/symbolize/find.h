/* SPDX-License-Identifier: MIT */
/* Where the binary of a mapping and its debug information lie on this machine. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_FIND_H
#define HEAPTAP_SRC_SYMBOLIZE_FIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "symbolize/elffile.h"

struct ht_find {
    const char *file;     /* as recorded, never empty */
    const char *build_id; /* lower-case hex, "" when unknown: then the recorded path is believed */
    uint64_t start;       /* of the mapping, to find it in a live process */
    pid_t pid;            /* 0: none */
    const char *root;     /* NULL or "": none */
    bool (*waiting)(void *arg); /* called now and then while a server is asked; false: do not wait
                                   for it any longer. May be NULL */
    void *waiting_arg;
};

/* What was found; elf is NULL in what was not. */
struct ht_found {
    struct ht_elf main;
    struct ht_elf debug; /* the file with DWARF when that is not main */
    bool replaced;       /* the recorded path holds another build */
    bool from_memory;    /* main is of the process's memory: it has exported names only */
};

/* Opens the binary and, with want_debug, the file that has its DWARF. Every candidate's build-id
 * is compared first. 0, or -ENOENT when neither was found (replaced says whether another build
 * lies at the path), or -ENOMEM. */
int ht_find_open(struct ht_found *f, const struct ht_find *what, bool want_debug);
void ht_find_finish(struct ht_found *f);

/* debuginfod.c: the path of a file that debuginfod serves for the build-id ("debuginfo" or
 * "executable"), to free; NULL when there is none or DEBUGINFOD_URLS is not set. Can take long: it
 * is the network. */
char *ht_debuginfod_fetch(const char *build_id, const char *kind, bool (*waiting)(void *arg),
                          void *waiting_arg);

#endif
