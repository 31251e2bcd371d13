/* SPDX-License-Identifier: MIT */
/*
 * What the loader has mapped for its own use is put into a small ELF file: the program headers as
 * they are, and sections around what was read. An executable section without contents stands for
 * each segment of code, because symbols refer to one.
 */
#include "config.h"

#include "symbolize/memory_elf.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/dynsym.h"

#define MAX_PART (256ull << 20)

enum { NONE, NAMES, NOTE, DYNSYM, DYNSTR, EH_FRAME, CODE, MAX_SECTIONS = CODE + HT_SEGMENTS_MAX };
static const char section_names[] = "\0.shstrtab\0.note.gnu.build-id\0.dynsym\0.dynstr\0.eh_frame\0"
                                    ".text";
enum {
    NAME_OF_NAMES = 1,
    NAME_OF_NOTE = 11,
    NAME_OF_DYNSYM = 30,
    NAME_OF_DYNSTR = 38,
    NAME_OF_EH_FRAME = 46,
    NAME_OF_TEXT = 56
};

struct image {
    struct ht_mapped_elf mapped;
    int mem; /* /proc/PID/mem */
    unsigned char *data;
    size_t size;
    Elf64_Shdr sections[MAX_SECTIONS];
    unsigned n_sections;
};

static bool read_memory(void *ctx, uint64_t at, void *to, size_t n)
{
    int fd = *(int *)ctx;
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(at + done));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Room for n bytes at the end of the image, from a multiple of 16 on; NULL when memory is short. */
static unsigned char *append(struct image *im, size_t n, uint64_t *offset)
{
    size_t from = (im->size + 15) & ~(size_t)15;
    unsigned char *more = realloc(im->data, from + n + 1);
    if (!more)
        return NULL;
    memset(more + im->size, 0, from - im->size);
    im->data = more;
    im->size = from + n;
    *offset = from;
    return more + from;
}

/* Appends what the process has at an address; as section `which`. What cannot be read is left out:
 * false. */
static bool take(struct image *im, unsigned which, uint64_t at, uint64_t n, Elf64_Shdr section)
{
    size_t before = im->size;
    unsigned char *to = n && n <= MAX_PART ? append(im, n, &section.sh_offset) : NULL;
    if (!to)
        return false;
    if (!read_memory(&im->mem, at, to, n)) {
        im->size = before;
        return false;
    }
    section.sh_addr = at - im->mapped.bias;
    section.sh_size = n;
    section.sh_flags = SHF_ALLOC;
    im->sections[which] = section;
    return true;
}

/* The loaded segment that has a file's address; NULL: none. */
static const Elf64_Phdr *segment_of(const struct image *im, uint64_t vaddr)
{
    for (unsigned i = 0; i < im->mapped.e.e_phnum; i++) {
        const Elf64_Phdr *p = &im->mapped.p[i];
        if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr && vaddr - p->p_vaddr < p->p_filesz)
            return p;
    }
    return NULL;
}

/* To the end of its segment: a word of zero ends the entries. */
static void take_frames(struct image *im, const Elf64_Phdr *hdr)
{
    unsigned char head[8];
    int32_t distance;
    uint64_t at = im->mapped.bias + hdr->p_vaddr;
    if (!read_memory(&im->mem, at, head, sizeof head) || head[0] != 1 || head[1] != 0x1b)
        return;
    memcpy(&distance, head + 4, 4);
    uint64_t frames = hdr->p_vaddr + 4 + (uint64_t)(int64_t)distance;
    const Elf64_Phdr *p = segment_of(im, frames);
    if (p)
        take(im, EH_FRAME, im->mapped.bias + frames, p->p_filesz - (frames - p->p_vaddr),
             (Elf64_Shdr){.sh_name = NAME_OF_EH_FRAME, .sh_type = SHT_PROGBITS, .sh_addralign = 8});
}

static bool has_build_id(struct image *im, const Elf64_Phdr *p)
{
    Elf64_Nhdr n;
    return read_memory(&im->mem, im->mapped.bias + p->p_vaddr, &n, sizeof n) &&
           n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4;
}

static void take_segments(struct image *im)
{
    im->n_sections = CODE;
    for (unsigned i = 0; i < im->mapped.e.e_phnum; i++) {
        const Elf64_Phdr *p = &im->mapped.p[i];
        /* A linker may keep the build-id apart, or together with other notes. */
        if (p->p_type == PT_NOTE && p->p_filesz <= 65536 &&
            (!im->sections[NOTE].sh_type || has_build_id(im, p)))
            take(im, NOTE, im->mapped.bias + p->p_vaddr, p->p_filesz,
                 (Elf64_Shdr){.sh_name = NAME_OF_NOTE,
                              .sh_type = SHT_NOTE,
                              .sh_addralign = p->p_align == 8 ? 8 : 4});
        else if (p->p_type == PT_GNU_EH_FRAME)
            take_frames(im, p);
        else if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && im->n_sections < MAX_SECTIONS)
            im->sections[im->n_sections++] = (Elf64_Shdr){.sh_name = NAME_OF_TEXT,
                                                          .sh_type = SHT_PROGBITS,
                                                          .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                                          .sh_addr = p->p_vaddr,
                                                          .sh_size = p->p_memsz};
    }
}

/* Symbols name a section by its number in the file; here by the number it has here. */
static void take_symbols(struct image *im)
{
    struct ht_dynsym d;
    if (!ht_dynsym_find(&im->mapped, &d) ||
        !take(im, DYNSTR, d.strings, d.strings_size,
              (Elf64_Shdr){.sh_name = NAME_OF_DYNSTR, .sh_type = SHT_STRTAB, .sh_addralign = 1}) ||
        !take(im, DYNSYM, d.symbols, d.n * sizeof(Elf64_Sym),
              (Elf64_Shdr){.sh_name = NAME_OF_DYNSYM,
                           .sh_type = SHT_DYNSYM,
                           .sh_link = DYNSTR,
                           .sh_entsize = sizeof(Elf64_Sym),
                           .sh_addralign = 8}))
        return;
    Elf64_Sym *symbols = (Elf64_Sym *)(im->data + im->sections[DYNSYM].sh_offset);
    for (uint64_t i = 0; i < d.n; i++) {
        unsigned section = SHN_UNDEF;
        for (unsigned k = CODE; k < im->n_sections; k++)
            if (symbols[i].st_value - im->sections[k].sh_addr < im->sections[k].sh_size)
                section = k;
        symbols[i].st_shndx = symbols[i].st_shndx == SHN_UNDEF ? SHN_UNDEF : (Elf64_Half)section;
    }
}

/* Header, program headers and names first, the section headers last. */
static bool build(struct image *im)
{
    uint64_t at;
    unsigned n = im->mapped.e.e_phnum;
    if (!append(im, sizeof(Elf64_Ehdr) + n * sizeof(Elf64_Phdr), &at))
        return false;
    memcpy(im->data + sizeof(Elf64_Ehdr), im->mapped.p, n * sizeof(Elf64_Phdr));
    unsigned char *names = append(im, sizeof section_names, &at);
    if (!names)
        return false;
    memcpy(names, section_names, sizeof section_names);
    im->sections[NAMES] = (Elf64_Shdr){.sh_name = NAME_OF_NAMES,
                                       .sh_type = SHT_STRTAB,
                                       .sh_offset = at,
                                       .sh_size = sizeof section_names,
                                       .sh_addralign = 1};
    take_segments(im);
    take_symbols(im);
    unsigned char *headers = append(im, im->n_sections * sizeof(Elf64_Shdr), &at);
    if (!headers)
        return false;
    memcpy(headers, im->sections, im->n_sections * sizeof(Elf64_Shdr));
    Elf64_Ehdr e = im->mapped.e;
    e.e_phoff = sizeof e;
    e.e_shoff = at;
    e.e_shentsize = sizeof(Elf64_Shdr);
    e.e_shnum = (Elf64_Half)im->n_sections;
    e.e_shstrndx = NAMES;
    memcpy(im->data, &e, sizeof e);
    return true;
}

int ht_elf_from_process(struct ht_elf *e, pid_t pid, uint64_t start, const char *name)
{
    char path[64];
    struct image im = {0};
    *e = (struct ht_elf){.fd = -1};
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    im.mem = open(path, O_RDONLY | O_CLOEXEC);
    if (im.mem < 0)
        return -errno;
    im.mapped = (struct ht_mapped_elf){.read = read_memory, .ctx = &im.mem};
    int err = !ht_mapped_elf_read(&im.mapped, start) ? -ENOEXEC : build(&im) ? 0 : -ENOMEM;
    close(im.mem);
    if (err) {
        free(im.data);
        return err;
    }
    return ht_elf_from_memory(e, im.data, im.size, name);
}
