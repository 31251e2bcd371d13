/* SPDX-License-Identifier: MIT */
/* What a program file is, and why it cannot be profiled when it cannot. */
#ifndef HEAPTAP_SRC_CLI_RUN_PROGRAM_H
#define HEAPTAP_SRC_CLI_RUN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

enum ht_program_obstacle {
    HT_PROGRAM_FINE,
    HT_PROGRAM_STATIC,    /* nothing is loaded into it; its children may be profiled all the same */
    HT_PROGRAM_REFUSES,   /* setuid and the like: the loader ignores what is preloaded */
    HT_PROGRAM_FOREIGN,   /* 32-bit, another machine or C library: the loader would complain */
    HT_PROGRAM_SANITIZER, /* replaces malloc itself and aborts when another comes first */
};

struct ht_program {
    enum ht_program_obstacle obstacle;
    bool elf;        /* a program the kernel loads or refuses; else the shell may read it */
    char why[256];   /* with an obstacle: behind "cannot be profiled: " */
    char hint[256];  /* "", or why it may well show no sample */
};

/* Finds the file that execvp would run. 0, or -errno of the look-up. */
int ht_program_find(const char *name, char *path, size_t size);

/* Reads the file, and the interpreter when it is a script. What cannot be read counts as fine. */
void ht_program_inspect(const char *path, struct ht_program *p);

/* True when the file is a shared library that this machine's 64-bit programs can load. */
bool ht_program_is_library(const char *path);

#endif
