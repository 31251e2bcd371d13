/* SPDX-License-Identifier: MIT */
/*
 * Opens a file by libelf and reads what identifies it (build-id), places it (segments) and leads
 * on (debug link, minidebuginfo, which is unpacked).
 */
#include "config.h"

#include "symbolize/elffile.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/open.h"

enum { PAGE = 4096, MINIDEBUG_MAX = 256 << 20 };

static Elf_Scn *section(Elf *elf, const char *name, GElf_Shdr *sh)
{
    size_t strndx;
    if (elf_getshdrstrndx(elf, &strndx))
        return NULL;
    for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
        const char *n;
        if (gelf_getshdr(s, sh) && (n = elf_strptr(elf, strndx, sh->sh_name)) && !strcmp(n, name))
            return s;
    }
    return NULL;
}

static bool section_filled(Elf *elf, const char *name)
{
    GElf_Shdr sh;
    return section(elf, name, &sh) && sh.sh_type != SHT_NOBITS && sh.sh_size > 0;
}

static bool code_missing(Elf *elf)
{
    bool missing = false;
    for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
        GElf_Shdr sh;
        if (!gelf_getshdr(s, &sh) || !(sh.sh_flags & SHF_EXECINSTR))
            continue;
        if (sh.sh_type != SHT_NOBITS)
            return false;
        missing = true;
    }
    return missing;
}

static void read_segments(struct ht_elf *e)
{
    size_t n;
    if (elf_getphdrnum(e->elf, &n))
        return;
    e->segments.only_debug = code_missing(e->elf);
    for (size_t i = 0; i < n && i < 1024 && e->segments.n < HT_SEGMENTS_MAX; i++) {
        GElf_Phdr ph;
        if (gelf_getphdr(e->elf, (int)i, &ph) && ph.p_type == PT_LOAD)
            e->segments.at[e->segments.n++] = (struct ht_segment){
                ph.p_offset, ph.p_vaddr, ph.p_filesz, ph.p_memsz, (ph.p_flags & PF_X) != 0};
    }
}

/* Reads what the other functions need of the file. */
static int describe(struct ht_elf *e)
{
    GElf_Ehdr eh;
    if (!e->elf || elf_kind(e->elf) != ELF_K_ELF || !gelf_getehdr(e->elf, &eh) ||
        gelf_getclass(e->elf) != ELFCLASS64 || eh.e_machine != EM_X86_64)
        return -ENOEXEC;
    const void *id;
    ssize_t n = dwelf_elf_gnu_build_id(e->elf, &id);
    for (ssize_t i = 0; i < n && i < HT_BUILD_ID_MAX; i++)
        snprintf(e->build_id + 2 * i, 3, "%02x", ((const unsigned char *)id)[i]);
    e->has_dwarf = section_filled(e->elf, ".debug_info") || section_filled(e->elf, ".zdebug_info");
    read_segments(e);
    e->has_symtab = section_filled(e->elf, ".symtab");
    return 0;
}

int ht_elf_open(struct ht_elf *e, const char *path)
{
    *e = (struct ht_elf){.fd = -1};
    elf_version(EV_CURRENT);
    struct stat st;
    int err = 0;
    e->fd = ht_open_regular(path);
    if (e->fd < 0)
        return e->fd == -EINVAL ? -ENOEXEC : e->fd;
    if (fstat(e->fd, &st))
        err = -errno;
    else if (!(e->path = strdup(path)))
        err = -ENOMEM;
    if (!err) {
        e->size = (uint64_t)st.st_size;
        e->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
        /* Read, not mapped: reading a mapped file that its owner truncates raises SIGBUS. */
        bool ours = st.st_uid == 0 || st.st_uid == geteuid();
        e->elf = elf_begin(e->fd, ours ? ELF_C_READ_MMAP : ELF_C_READ, NULL);
        err = describe(e);
    }
    if (err)
        ht_elf_finish(e);
    return err;
}

int ht_elf_from_memory(struct ht_elf *e, void *image, size_t size, const char *name)
{
    *e = (struct ht_elf){.fd = -1, .copy = image, .path = strdup(name), .size = size};
    elf_version(EV_CURRENT);
    int err = -ENOMEM;
    if (e->path) {
        e->elf = elf_memory(image, size);
        err = describe(e);
    }
    if (err)
        ht_elf_finish(e);
    return err;
}

int ht_elf_vdso(struct ht_elf *e)
{
    uintptr_t base = getauxval(AT_SYSINFO_EHDR), start, end;
    FILE *maps = base ? fopen("/proc/self/maps", "re") : NULL;
    if (!maps)
        return -ENOENT;
    size_t size = 0;
    char line[512];
    while (!size && fgets(line, sizeof line, maps))
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) == 2 && start == base)
            size = end - start;
    fclose(maps);
    void *image = size ? malloc(size) : NULL;
    if (!image)
        return size ? -ENOMEM : -ENOENT;
    memcpy(image, (const void *)base, size);
    return ht_elf_from_memory(e, image, size, "[vdso]");
}

void ht_elf_finish(struct ht_elf *e)
{
    if (!e)
        return;
    if (e->elf)
        elf_end(e->elf);
    if (e->fd >= 0)
        close(e->fd);
    free(e->copy);
    free(e->path);
    *e = (struct ht_elf){.fd = -1};
}

int ht_segments_vaddr(const struct ht_segments *s, uint64_t start, uint64_t limit, uint64_t offset,
                      uint64_t addr, uint64_t *vaddr)
{
    /* A reader's stand-in for "no mapping known": the addresses are the file's own. */
    if (start == 0 && offset == 0 && (limit == 0 || limit == UINT64_MAX)) {
        *vaddr = addr;
        return 0;
    }
    if (addr < start)
        return -EINVAL;
    uint64_t at = addr - start + offset;
    bool found = false;
    for (uint32_t i = 0; i < s->n && i < HT_SEGMENTS_MAX; i++) {
        const struct ht_segment *g = &s->at[i];
        if (s->only_debug) {
            /* offset is that of the stripped file; vaddr and the place in a page are true. */
            uint64_t v = g->vaddr - ((g->vaddr - offset) & (PAGE - 1)) + (addr - start);
            if (g->exec && v - g->vaddr < g->memsz) {
                *vaddr = v;
                return 0;
            }
        } else if (at >= g->offset && at - g->offset < g->filesz) {
            /* Two segments can share a page of the file; the executable one is meant. */
            if (g->exec || !found)
                *vaddr = at - g->offset + g->vaddr;
            found = true;
            if (g->exec)
                break;
        }
    }
    return found ? 0 : -EINVAL;
}

const char *ht_elf_debuglink(const struct ht_elf *e, uint32_t *crc)
{
    GElf_Word c = 0;
    const char *name = dwelf_elf_gnu_debuglink(e->elf, &c);
    *crc = c;
    return name && *name && !strchr(name, '/') ? name : NULL;
}

int ht_elf_minidebug(const struct ht_elf *e, struct ht_elf *mini)
{
    GElf_Shdr sh;
    Elf_Scn *s = section(e->elf, ".gnu_debugdata", &sh);
    Elf_Data *d = s ? elf_rawdata(s, NULL) : NULL;
    if (!d || !d->d_buf || sh.sh_type == SHT_NOBITS)
        return -ENOENT;
    lzma_stream lz = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&lz, 256u << 20, 0) != LZMA_OK)
        return -ENOMEM;
    size_t cap = 64 << 10;
    unsigned char *out = NULL;
    lzma_ret rc = LZMA_OK;
    lz.next_in = d->d_buf;
    lz.avail_in = d->d_size;
    while (rc == LZMA_OK && cap <= MINIDEBUG_MAX) {
        cap *= 2;
        unsigned char *bigger = realloc(out, cap);
        if (!bigger)
            break;
        out = bigger;
        lz.next_out = out + lz.total_out;
        lz.avail_out = cap - lz.total_out;
        rc = lzma_code(&lz, LZMA_FINISH);
    }
    size_t size = lz.total_out;
    lzma_end(&lz);
    if (rc != LZMA_STREAM_END) {
        free(out);
        return -EINVAL;
    }
    return ht_elf_from_memory(mini, out, size, e->path);
}
