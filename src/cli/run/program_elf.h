/* SPDX-License-Identifier: MIT */
/* How a program is linked, from its ELF file. */
#ifndef HEAPTAP_SRC_CLI_RUN_PROGRAM_ELF_H
#define HEAPTAP_SRC_CLI_RUN_PROGRAM_ELF_H

#include <limits.h>
#include <stdbool.h>

enum ht_own_malloc {
    HT_OWN_MALLOC_NONE,
    HT_OWN_MALLOC_HIDDEN,   /* called by the program's own code alone */
    HT_OWN_MALLOC_EXPORTED, /* called by its libraries, too: it precedes what is preloaded */
};

struct ht_program_facts {
    bool damaged; /* a header or segment lies beyond the end of the file */
    bool runs;    /* no object file or core dump */
    bool musl, loader, go;
    enum ht_own_malloc own_malloc;
    char loader_path[PATH_MAX]; /* PT_INTERP, "": none */
    char sanitizer[32];         /* "": none */
    char allocator[32];         /* of own_malloc, where it can be told; "": not known */
    char needs[64]; /* an allocator among the libraries it needs: its soname, "": none */
};

/* Reads an ELF file of this machine's class. */
void ht_program_read_facts(int fd, struct ht_program_facts *f);

/* The allocator whose library has that file name ("jemalloc", "tcmalloc", "mimalloc"), or NULL. */
const char *ht_allocator_of_library(const char *name);

#endif
