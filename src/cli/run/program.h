/* SPDX-License-Identifier: MIT */
/* What kind of file a program is, and what prevents its profiling. */
#ifndef HEAPTAP_SRC_CLI_RUN_PROGRAM_H
#define HEAPTAP_SRC_CLI_RUN_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/run/program_elf.h"

enum ht_program_obstacle {
    HT_PROGRAM_FINE,
    HT_PROGRAM_STATIC,    /* nothing is loaded into it; its children may be profiled all the same */
    HT_PROGRAM_REFUSES,   /* setuid and the like: the loader ignores what is preloaded */
    HT_PROGRAM_FOREIGN,   /* 32-bit, another machine or C library: the loader would complain */
    HT_PROGRAM_SANITIZER, /* replaces malloc itself and aborts when another comes first */
};

/* The kind of the file at the end of a chain of interpreters. */
enum ht_program_kind {
    HT_PROGRAM_UNREAD, /* it could not be opened or read */
    HT_PROGRAM_ELF,
    HT_PROGRAM_TEXT,    /* without "#!": the shell reads it */
    HT_PROGRAM_DATA,    /* neither an ELF program nor text */
    HT_PROGRAM_DAMAGED, /* an ELF file that is cut short */
    HT_PROGRAM_LOOP,    /* scripts that lead to scripts, more than the kernel follows */
};

struct ht_program {
    enum ht_program_obstacle obstacle;
    enum ht_program_kind kind;
    bool elf; /* the kernel loads or refuses it; else the shell may read it */
    /* the file that was examined: of a script its last interpreter */
    char file[PATH_MAX];
    char what[160];                /* with an obstacle: behind "cannot be profiled: " */
    char why[80], remedy[80];      /* what that means, and what to do */
    char hint[256];                /* "", or why there may be no sample */
    struct ht_program_facts facts; /* of an ELF file of this machine's class */
};

/* Finds the file that execvp would run. 0, or -errno of the look-up. */
int ht_program_find(const char *name, char *path, size_t size);

/* A text for that -errno, or for the kernel's when it was started. */
const char *ht_program_why_not(const char *name, int err);

/* Reads the file, and the interpreter when it is a script. A file that cannot be read counts as
 * fine. */
void ht_program_inspect(const char *path, struct ht_program *p);

/* True when the file is a shared library that this machine's 64-bit programs can load. */
bool ht_program_is_library(const char *path);

#endif
