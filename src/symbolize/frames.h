/* SPDX-License-Identifier: MIT */
/* What resolving an address yields. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_FRAMES_H
#define HEAPTAP_SRC_SYMBOLIZE_FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* The strings live as long as the module they came from. */
struct ht_sym_frame {
    const char *name; /* as in the symbol table or DWARF, or a place; NULL when unknown */
    const char *file; /* NULL when unknown */
    uint32_t line;    /* 0 when unknown */
    uint32_t start_line;
};

struct ht_addr {
    uint64_t vaddr;              /* as the file's program headers count */
    struct ht_sym_frame *frames; /* innermost inlined function first */
    uint32_t n_frames;           /* 0: nothing known */
};

#endif
