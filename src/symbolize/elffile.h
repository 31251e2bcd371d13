/* SPDX-License-Identifier: MIT */
/* An ELF file opened for reading, with what identifies and places it. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_ELFFILE_H
#define HEAPTAP_SRC_SYMBOLIZE_ELFFILE_H

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

enum { HT_BUILD_ID_MAX = 64, HT_SEGMENTS_MAX = 16 };

struct ht_segment {
    uint64_t offset, vaddr, filesz, memsz;
    uint64_t exec; /* 0 or 1 */
};

/* Where the file's bytes go. */
struct ht_segments {
    struct ht_segment at[HT_SEGMENTS_MAX];
    uint32_t n;
    uint32_t only_debug; /* the contents were stripped: the offsets mean nothing */
};

struct ht_elf {
    int fd;     /* -1 when from memory */
    void *copy; /* the image when from memory, freed with the rest */
    Elf *elf;
    char *path;
    char build_id[2 * HT_BUILD_ID_MAX + 1]; /* lower-case hex, "" when none */
    bool has_dwarf;                         /* .debug_info or its compressed form */
    bool has_symtab;                        /* .symtab, not only .dynsym */
    struct ht_segments segments;            /* only_debug: made by objcopy --only-keep-debug */
    uint64_t size, mtime_ns;
};

/* Opens a regular file. -ENOENT and friends when it cannot be opened, -ENOEXEC when it is no
 * ELF file of this machine's class. On failure *e is unusable and needs no finish. */
int ht_elf_open(struct ht_elf *e, const char *path);

/* The same from an image in malloc'ed memory, which e then owns (also on failure). */
int ht_elf_from_memory(struct ht_elf *e, void *image, size_t size, const char *name);

/* This process's own vdso. -ENOENT when there is none. */
int ht_elf_vdso(struct ht_elf *e);

/* NULL-safe, and safe on a zeroed one with elf NULL. */
void ht_elf_finish(struct ht_elf *e);

/* The file's address of the byte that was at addr in a mapping of [start, limit) of the file
 * from offset on. -EINVAL when no segment has it. */
int ht_segments_vaddr(const struct ht_segments *s, uint64_t start, uint64_t limit, uint64_t offset,
                      uint64_t addr, uint64_t *vaddr);

/* .gnu_debuglink: name (in the file's memory) and CRC. NULL when there is none. */
const char *ht_elf_debuglink(const struct ht_elf *e, uint32_t *crc);

/* The ELF image in .gnu_debugdata, decompressed and opened. -ENOENT when there is none. */
int ht_elf_minidebug(const struct ht_elf *e, struct ht_elf *mini);

#endif
