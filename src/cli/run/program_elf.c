/* SPDX-License-Identifier: MIT */
/*
 * Reads segments, the dynamic section and symbols by libelf: how the program is linked, which
 * allocator it brings, which sanitizer it was built with.
 */
#include "config.h"

#include "cli/run/program_elf.h"

#include <elf.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20, OVERLAP = 64, WORDS_MAX = 1 << 28 };

struct name_of {
    const char *sign, *name;
};

static const struct name_of sanitizers[] = {
    {"__asan_init", "AddressSanitizer"},     {"__tsan_init", "ThreadSanitizer"},
    {"__msan_init", "MemorySanitizer"},      {"__lsan_init", "LeakSanitizer"},
    {"__hwasan_init", "HWAddressSanitizer"}, {NULL, NULL},
};

/* Functions by which an allocator is recognised. */
static const struct name_of allocators[] = {
    {"je_malloc", "jemalloc"},
    {"mallocx", "jemalloc"},
    {"malloc_stats_print", "jemalloc"},
    {"tc_malloc", "tcmalloc"},
    {"TCMallocInternalMalloc", "tcmalloc"},
    {"mi_malloc", "mimalloc"},
    {"rpmalloc", "rpmalloc"},
    {"sn_malloc", "snmalloc"},
    {"scudo_malloc", "scudo"},
    {NULL, NULL},
};

/* Texts by which an allocator is recognised in programs without a symbol table. */
static const struct name_of words[] = {
    {"<jemalloc>: ", "jemalloc"},
    {"tcmalloc: large alloc", "tcmalloc"},
    {"mimalloc: ", "mimalloc"},
    {NULL, NULL},
};

static const char *find(const struct name_of *table, const char *sign)
{
    for (; table->sign; table++)
        if (!strcmp(sign, table->sign))
            return table->name;
    return NULL;
}

const char *ht_allocator_of_library(const char *name)
{
    static const char *const names[] = {"jemalloc", "tcmalloc", "mimalloc"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(name, "lib", 3) && !strncmp(name + 3, names[i], strlen(names[i])))
            return names[i];
    return NULL;
}

static void set(char *to, size_t size, const char *from)
{
    if (from && !*to)
        snprintf(to, size, "%s", from);
}

static void read_symbols(Elf *elf, Elf_Scn *section, GElf_Shdr *h, struct ht_program_facts *f)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !h->sh_entsize)
        return;
    GElf_Sym sym;
    for (int i = 1; gelf_getsym(data, i, &sym); i++) {
        int type = GELF_ST_TYPE(sym.st_info);
        const char *name = elf_strptr(elf, h->sh_link, sym.st_name);
        if (!name || (type != STT_FUNC && type != STT_NOTYPE))
            continue;
        if (name[0] == '_' && name[1] == '_')
            set(f->sanitizer, sizeof f->sanitizer, find(sanitizers, name));
        if (sym.st_shndx == SHN_UNDEF || type != STT_FUNC)
            continue;
        set(f->allocator, sizeof f->allocator, find(allocators, name));
        if (strcmp(name, "malloc"))
            continue;
        if (h->sh_type == SHT_DYNSYM)
            f->own_malloc = HT_OWN_MALLOC_EXPORTED;
        else if (!f->own_malloc)
            f->own_malloc = HT_OWN_MALLOC_HIDDEN;
    }
}

static void read_needed(const char *name, struct ht_program_facts *f)
{
    if (!strncmp(name, "libasan.so", 10) || strstr(name, "clang_rt.asan"))
        strcpy(f->sanitizer, "AddressSanitizer");
    else if (!strncmp(name, "libtsan.so", 10) || strstr(name, "clang_rt.tsan"))
        strcpy(f->sanitizer, "ThreadSanitizer");
    else if (!strncmp(name, "liblsan.so", 10))
        strcpy(f->sanitizer, "LeakSanitizer");
    else if (ht_allocator_of_library(name))
        set(f->needs, sizeof f->needs, name);
}

static void read_dynamic(Elf *elf, Elf_Scn *section, GElf_Shdr *h, struct ht_program_facts *f)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Dyn dyn;
    for (int i = 0; data && gelf_getdyn(data, i, &dyn); i++) {
        const char *s = NULL;
        if (dyn.d_tag == DT_SONAME || dyn.d_tag == DT_NEEDED)
            s = elf_strptr(elf, h->sh_link, dyn.d_un.d_val);
        if (s && dyn.d_tag == DT_SONAME && !strncmp(s, "ld-linux", 8))
            f->loader = true;
        else if (s)
            read_needed(s, f);
    }
}

/* Only segments are used, as by the kernel and the loader: they exist when sections do not. */
static void read_segments(Elf *elf, int fd, uint64_t size, struct ht_program_facts *f)
{
    size_t n = 0;
    GElf_Ehdr eh;
    GElf_Phdr ph;
    /* For a truncated file elf_getphdrnum gives the number of what is left. */
    if (!gelf_getehdr(elf, &eh) || elf_getphdrnum(elf, &n) || eh.e_phoff > size ||
        eh.e_phnum > (size - eh.e_phoff) / sizeof(Elf64_Phdr)) {
        f->damaged = true;
        return;
    }
    f->runs = eh.e_type == ET_EXEC || eh.e_type == ET_DYN;
    for (size_t i = 0; i < n && gelf_getphdr(elf, (int)i, &ph); i++) {
        bool inside = ph.p_offset <= size && ph.p_filesz <= size - ph.p_offset;
        if (!inside && (ph.p_type == PT_LOAD || ph.p_type == PT_INTERP))
            f->damaged = true;
        else if (ph.p_type == PT_INTERP && ph.p_filesz < sizeof f->loader_path &&
                 pread(fd, f->loader_path, ph.p_filesz, (off_t)ph.p_offset) < 0)
            f->damaged = true;
    }
    const char *base = strrchr(f->loader_path, '/');
    f->musl = base && !strncmp(base + 1, "ld-musl", 7);
}

/* In pieces that overlap by more than the length of any of the texts. */
static void read_words(int fd, uint64_t size, struct ht_program_facts *f)
{
    char *piece = malloc(PIECE);
    ssize_t n = 1;
    for (uint64_t at = 0; piece && at < size && at < WORDS_MAX && n > 0; at += PIECE - OVERLAP) {
        n = pread(fd, piece, PIECE, (off_t)at);
        for (const struct name_of *w = words; n > 0 && w->sign && !*f->allocator; w++)
            if (memmem(piece, (size_t)n, w->sign, strlen(w->sign)))
                set(f->allocator, sizeof f->allocator, w->name);
    }
    free(piece);
}

void ht_program_read_facts(int fd, struct ht_program_facts *f)
{
    struct stat st;
    Elf *elf = NULL;
    *f = (struct ht_program_facts){0};
    if (fstat(fd, &st) || elf_version(EV_CURRENT) == EV_NONE) {
        f->damaged = true;
        return;
    }
    /* Read, not mapped: reading a mapped file that its owner truncates raises SIGBUS. */
    bool ours = st.st_uid == 0 || st.st_uid == geteuid();
    elf = elf_begin(fd, ours ? ELF_C_READ_MMAP : ELF_C_READ, NULL);
    if (!elf) {
        f->damaged = true;
        return;
    }
    read_segments(elf, fd, (uint64_t)st.st_size, f);
    size_t names = 0;
    Elf_Scn *section = NULL;
    GElf_Shdr h;
    elf_getshdrstrndx(elf, &names);
    while ((section = elf_nextscn(elf, section))) {
        if (!gelf_getshdr(section, &h))
            continue;
        const char *name = elf_strptr(elf, names, h.sh_name);
        f->go |= name && !strcmp(name, ".go.buildinfo");
        if (h.sh_type == SHT_DYNSYM || h.sh_type == SHT_SYMTAB)
            read_symbols(elf, section, &h, f);
        else if (h.sh_type == SHT_DYNAMIC)
            read_dynamic(elf, section, &h, f);
    }
    if (f->own_malloc && !*f->allocator)
        read_words(fd, (uint64_t)st.st_size, f);
    elf_end(elf);
}
