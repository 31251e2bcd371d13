/* SPDX-License-Identifier: MIT */
/* What a program file is, and why it cannot be profiled when it cannot. */
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

/* What lies at the end of a chain of scripts. */
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
    bool elf;                      /* the kernel loads or refuses it; else the shell may read it */
    char file[PATH_MAX];           /* what was looked at in the end: a script's interpreter */
    char what[160];                /* with an obstacle: behind "cannot be profiled: " */
    char why[80], remedy[80];      /* what follows from it, and what to do */
    char hint[256];                /* "", or why it may well show no sample */
    struct ht_program_facts facts; /* of an ELF file of this machine's class */
};

/* Finds the file that execvp would run. 0, or -errno of the look-up. */
int ht_program_find(const char *name, char *path, size_t size);

/* What that -errno, or the kernel's when it was started, means. */
const char *ht_program_why_not(const char *name, int error);

/* Reads the file, and the interpreter when it is a script. What cannot be read counts as fine. */
void ht_program_inspect(const char *path, struct ht_program *p);

/* True when the file is a shared library that this machine's 64-bit programs can load. */
bool ht_program_is_library(const char *path);

#endif
