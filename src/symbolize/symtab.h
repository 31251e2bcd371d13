/* SPDX-License-Identifier: MIT */
/* The symbols of a file, sorted by address. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_SYMTAB_H
#define HEAPTAP_SRC_SYMBOLIZE_SYMTAB_H

#include <stddef.h>
#include <stdint.h>

struct ht_elf;
struct ht_symtab;

enum ht_symbol_kind {
    HT_SYMBOL_FUNCTION,
    HT_SYMBOL_VARIABLE,
    HT_SYMBOL_THREAD_LOCAL, /* its address is its distance from the start of the file's block */
};

/* Reads the symbol tables of the n files of one binary (itself, its debug file, its minidebuginfo),
 * which must outlive the table. NULL when out of memory. */
struct ht_symtab *ht_symtab_create(const struct ht_elf *const *files, size_t n,
                                   enum ht_symbol_kind kind);
void ht_symtab_destroy(struct ht_symtab *t);

/* The name of the symbol that covers the address, and where that begins (start may be NULL). Never
 * a mere neighbour: NULL when no symbol covers it. */
const char *ht_symtab_find(const struct ht_symtab *t, uint64_t vaddr, uint64_t *start);

#endif
