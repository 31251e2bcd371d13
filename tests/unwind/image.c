/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"

static bool map_segments(struct image *m, const Elf64_Ehdr *e, const Elf64_Phdr *p)
{
    uint64_t low = UINT64_MAX, high = 0;
    for (unsigned i = 0; i < e->e_phnum; i++) {
        if (p[i].p_type != PT_LOAD)
            continue;
        if (p[i].p_vaddr < low)
            low = p[i].p_vaddr & ~4095ull;
        if (p[i].p_vaddr + p[i].p_memsz > high)
            high = p[i].p_vaddr + p[i].p_memsz;
    }
    if (low >= high)
        return false;
    char *at =
        mmap(NULL, high - low, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return false;
    m->start = (uint64_t)at;
    m->end = m->start + (high - low);
    m->bias = m->start - low;
    for (unsigned i = 0; i < e->e_phnum; i++) {
        uint64_t skew = p[i].p_vaddr & 4095, to = m->bias + p[i].p_vaddr - skew;
        if (p[i].p_type == PT_GNU_EH_FRAME)
            m->hdr = m->bias + p[i].p_vaddr;
        if (p[i].p_type != PT_LOAD || !p[i].p_filesz)
            continue;
        if (mmap((void *)to, p[i].p_filesz + skew, PROT_READ, MAP_PRIVATE | MAP_FIXED, m->fd,
                 (off_t)(p[i].p_offset - skew)) == MAP_FAILED)
            return false;
        if ((p[i].p_flags & PF_X) && m->n_text < 8) {
            m->text[m->n_text].start = to + skew;
            m->text[m->n_text++].end = to + skew + p[i].p_filesz;
        }
    }
    return true;
}

/* The form every linker writes: eh_frame sdata4 pcrel, count udata4, table sdata4 datarel. */
static bool read_table(struct image *m)
{
    static const unsigned char form[] = {1, 0x1b, 0x03, 0x3b};
    if (!m->hdr || memcmp((const void *)m->hdr, form, sizeof form))
        return false;
    m->n_functions = *(const uint32_t *)(m->hdr + 8);
    m->table = (const void *)(m->hdr + 12);
    return m->n_functions > 0;
}

bool image_open(struct image *m, const char *path)
{
    Elf64_Ehdr e;
    Elf64_Phdr p[32];
    memset(m, 0, sizeof *m);
    m->path = path;
    m->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (m->fd < 0)
        return false;
    if (pread(m->fd, &e, sizeof e, 0) != sizeof e || memcmp(e.e_ident, ELFMAG, SELFMAG) ||
        e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_machine != EM_X86_64 || e.e_phnum > 32 ||
        pread(m->fd, p, e.e_phnum * sizeof *p, (off_t)e.e_phoff) !=
            (ssize_t)(e.e_phnum * sizeof *p) ||
        !map_segments(m, &e, p) || !read_table(m))
        return false;
    elf_version(EV_CURRENT);
    m->elf = elf_begin(m->fd, ELF_C_READ_MMAP, NULL);
    m->cfi = m->elf ? dwarf_getcfi_elf(m->elf) : NULL;
    return m->cfi != NULL;
}

void image_close(struct image *m)
{
    if (m->cfi)
        dwarf_cfi_end(m->cfi);
    if (m->elf)
        elf_end(m->elf);
    if (m->start)
        munmap((void *)m->start, m->end - m->start);
    if (m->fd >= 0)
        close(m->fd);
    memset(m, 0, sizeof *m);
    m->fd = -1;
}

static bool in_text(const struct image *m, uint64_t at)
{
    for (unsigned i = 0; i < m->n_text; i++)
        if (at >= m->text[i].start && at < m->text[i].end)
            return true;
    return false;
}

static unsigned indirect_length(unsigned modrm, unsigned sib)
{
    unsigned mod = modrm >> 6, rm = modrm & 7, n = 2;
    if (mod == 3)
        return n;
    if (rm == 4)
        n++;
    if (mod == 1)
        return n + 1;
    if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
        return n + 4;
    return n;
}

bool image_calls(const struct image *m, uint64_t start, uint64_t end)
{
    uint64_t from = start >= m->start + 8 ? start - 7 : start;
    for (uint64_t at = from; at < end; at++) {
        const unsigned char *b = (const unsigned char *)at;
        uint64_t last = 0;
        if (!in_text(m, at) || !in_text(m, at + 7))
            continue;
        if (b[0] == 0xe8) { /* call rel32 */
            int32_t to;
            memcpy(&to, b + 1, 4);
            if (in_text(m, at + 5 + (uint64_t)(int64_t)to))
                last = at + 4;
        } else if (b[0] == 0xff && (b[1] & 0x38) == 0x10) { /* call r/m64 */
            last = at + indirect_length(b[1], b[2]) - 1;
        }
        if (last >= start && last < end)
            return true;
    }
    return false;
}
