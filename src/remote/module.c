/* SPDX-License-Identifier: MIT */
/*
 * An object is known by its program headers: where each of its segments is, its build-id, and where
 * its unwind tables are. They are read from the file when it can be opened and is still the one
 * that is mapped, else from the process's own memory, where the loader has mapped them too: a file
 * may be gone, or lie in a directory that is not to be seen from here.
 *
 * Of the object only the segment that holds the tables is copied, to its place in a reservation of
 * the object's size: the tables refer to each other and to code by distances.
 */
#include "config.h"

#include "remote/module.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PHDRS  512u
#define MAX_TABLES (512u << 20)
#define MAX_SPAN   (64ull << 30)
#define MAX_NOTE   65536u

/* Where an object's bytes are read from: its file; this process's memory, for the vDSO, which is
 * the same in all processes of a kernel; or the process. */
struct source {
    struct ht_remote *r;
    int fd;
    const unsigned char *own; /* NULL: not the vDSO */
    uint64_t base;            /* there, of the memory that begins with the ELF header; 0: none */
    Elf64_Ehdr e;
    Elf64_Phdr p[MAX_PHDRS];
};

static bool same_file(int fd, const struct ht_remote_map *m)
{
    struct stat st;
    /* Only the inode is compared, because the device in stat and in maps differs on btrfs and
     * overlayfs. */
    return !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_ino == m->inode;
}

static int try_open(const char *path, const struct ht_remote_map *m)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && !same_file(fd, m)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int open_file(const struct ht_remote *r, const struct ht_remote_map *m)
{
    char path[4200];
    if (!m->inode)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/map_files/%lx-%lx", (int)r->living, m->start, m->end);
    int fd = try_open(path, m);
    if (fd < 0 && *m->name == '/' && strlen(m->name) < 4096) {
        snprintf(path, sizeof path, "/proc/%d/root%s", (int)r->living, m->name);
        fd = try_open(path, m);
    }
    if (fd < 0 && *m->name == '/')
        fd = try_open(m->name, m);
    return fd;
}

/* The map of the same file that holds its first bytes, at or below m. */
static const struct ht_remote_map *first_map(const struct ht_remote *r,
                                             const struct ht_remote_map *m)
{
    const struct ht_remote_map *first = r->maps;
    for (const struct ht_remote_map *k = m;; k--) {
        if (k->inode == m->inode && k->device == m->device && !k->offset && k->readable)
            return k;
        if (k == first || (m->inode && k->inode && k->inode != m->inode))
            return NULL;
    }
}

static bool read_bytes(struct source *s, uint64_t offset, void *to, size_t n)
{
    if (s->own) {
        if (offset > 4 * 4096 || n > 4 * 4096 - offset) /* it has two pages */
            return false;
        memcpy(to, s->own + offset, n);
        return true;
    }
    if (s->fd < 0)
        return s->base && ht_remote_read(s->r, s->base + offset, to, n) == (ssize_t)n;
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(s->fd, (char *)to + done, n - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool read_headers(struct source *s)
{
    return read_bytes(s, 0, &s->e, sizeof s->e) && !memcmp(s->e.e_ident, ELFMAG, SELFMAG) &&
           s->e.e_ident[EI_CLASS] == ELFCLASS64 && s->e.e_machine == EM_X86_64 &&
           s->e.e_phentsize == sizeof(Elf64_Phdr) && s->e.e_phnum && s->e.e_phnum <= MAX_PHDRS &&
           read_bytes(s, s->e.e_phoff, s->p, s->e.e_phnum * sizeof(Elf64_Phdr));
}

/* The difference between addresses in memory and in the file, from the executable segment of m. */
static bool find_bias(const struct source *s, const struct ht_remote_map *m, uint64_t *bias)
{
    for (unsigned i = 0; i < s->e.e_phnum; i++) {
        const Elf64_Phdr *p = &s->p[i];
        uint64_t from = p->p_offset & ~4095ull;
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && m->offset >= from &&
            m->offset < p->p_offset + p->p_filesz) {
            *bias = m->start - (m->offset - from) - (p->p_vaddr & ~4095ull);
            return true;
        }
    }
    return false;
}

/* Reads what is at a file's address. */
static bool read_address(struct source *s, uint64_t bias, uint64_t vaddr, void *to, size_t n)
{
    for (unsigned i = 0; i < s->e.e_phnum; i++) {
        const Elf64_Phdr *p = &s->p[i];
        if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr && n <= p->p_filesz &&
            vaddr - p->p_vaddr <= p->p_filesz - n)
            return s->fd >= 0 || s->own ? read_bytes(s, p->p_offset + (vaddr - p->p_vaddr), to, n)
                                        : ht_remote_read(s->r, bias + vaddr, to, n) == (ssize_t)n;
    }
    return false;
}

static void find_build_id(struct source *s, uint64_t bias, const Elf64_Phdr *p, char *out)
{
    size_t n = p->p_filesz < MAX_NOTE ? p->p_filesz : MAX_NOTE;
    unsigned char *note = malloc(n ? n : 1);
    if (note && read_address(s, bias, p->p_vaddr, note, n))
        for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= n;) {
            Elf64_Nhdr h;
            memcpy(&h, note + at, sizeof h);
            size_t name = at + sizeof h, desc = name + ((h.n_namesz + 3ull) & ~3ull);
            size_t next = desc + ((h.n_descsz + 3ull) & ~3ull);
            if (next > n || next <= at)
                break;
            if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && h.n_descsz <= 64 &&
                !memcmp(note + name, "GNU", 4)) {
                for (unsigned i = 0; i < h.n_descsz; i++)
                    snprintf(out + 2 * i, 3, "%02x", note[desc + i]);
                break;
            }
            at = next;
        }
    free(note);
}

/* Copies a segment from a file's address on, to its place. */
static bool copy_from(struct source *s, const struct ht_remote_module *m, uint64_t vaddr)
{
    for (unsigned i = 0; i < s->e.e_phnum; i++) {
        const Elf64_Phdr *p = &s->p[i];
        if (p->p_type != PT_LOAD || vaddr < p->p_vaddr || vaddr - p->p_vaddr >= p->p_filesz)
            continue;
        uint64_t n = p->p_filesz - (vaddr - p->p_vaddr), at = m->bias + vaddr;
        if (n > MAX_TABLES || at < m->start || at >= m->end || n > m->end - at)
            return false;
        void *to = (void *)(m->here.start + (at - m->start));
        return s->fd >= 0 || s->own ? read_bytes(s, p->p_offset + (vaddr - p->p_vaddr), to, n)
                                    : ht_remote_read(s->r, at, to, n) > 0;
    }
    return false;
}

/* The form that every linker writes: .eh_frame as a 4-byte distance from the word that holds it. */
static bool copy_tables(struct source *s, struct ht_remote_module *m)
{
    uint64_t bias = m->bias, hdr = m->hdr;
    unsigned char head[8];
    int32_t distance;
    if (!read_address(s, bias, hdr, head, sizeof head) || head[0] != 1 || head[1] != 0x1b)
        return false;
    memcpy(&distance, head + 4, 4);
    uint64_t frames = hdr + 4 + (uint64_t)(int64_t)distance;
    void *at = mmap(NULL, m->end - m->start, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return false;
    m->here = (struct ht_object){.start = (uint64_t)at, .end = (uint64_t)at + (m->end - m->start)};
    if (!copy_from(s, m, hdr < frames ? hdr : frames) ||
        !copy_from(s, m, hdr < frames ? frames : hdr))
        return false;
    m->here.eh_frame_hdr = m->here.start + (bias + hdr - m->start);
    return true;
}

static bool describe(struct source *s, const struct ht_remote_map *map, struct ht_remote_module *m)
{
    uint64_t bias, lowest = UINT64_MAX, highest = 0;
    if (!find_bias(s, map, &bias))
        return false;
    for (unsigned i = 0; i < s->e.e_phnum; i++) {
        const Elf64_Phdr *p = &s->p[i];
        if (p->p_type == PT_NOTE && !*m->build_id)
            find_build_id(s, bias, p, m->build_id);
        if (p->p_type == PT_GNU_EH_FRAME)
            m->hdr = p->p_vaddr;
        if (p->p_type != PT_LOAD || p->p_vaddr + p->p_memsz < p->p_vaddr)
            continue;
        if (p->p_vaddr < lowest)
            lowest = p->p_vaddr;
        if (p->p_vaddr + p->p_memsz > highest)
            highest = p->p_vaddr + p->p_memsz;
        if ((p->p_flags & PF_X) && m->n_segments < 8) {
            m->segments[m->n_segments].start = bias + p->p_vaddr;
            m->segments[m->n_segments].limit = bias + p->p_vaddr + p->p_memsz;
            m->segments[m->n_segments++].offset = p->p_offset;
        }
    }
    if (lowest >= highest || highest - lowest > MAX_SPAN)
        return false;
    m->start = bias + (lowest & ~4095ull);
    m->end = (bias + highest + 4095) & ~4095ull;
    m->bias = bias;
    m->no_tables = !m->hdr;
    return true;
}

static bool is_vdso(const struct ht_remote_map *map)
{
    return !strcmp(map->name, "[vdso]");
}

/* Opens the object of a map, and reads its headers. NULL: it is no object, or cannot be read. */
static struct source *open_source(struct ht_remote *r, const struct ht_remote_map *map)
{
    struct source *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    const struct ht_remote_map *first = first_map(r, map);
    s->r = r;
    s->base = first ? first->start : 0;
    if (is_vdso(map))
        s->own = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);
    s->fd = open_file(r, map);
    if (read_headers(s))
        return s;
    if (s->fd >= 0) { /* the file was truncated: the memory is what runs */
        close(s->fd);
        s->fd = -1;
        if (read_headers(s))
            return s;
    }
    free(s);
    return NULL;
}

static void close_source(struct source *s)
{
    if (s && s->fd >= 0)
        close(s->fd);
    free(s);
}

static struct ht_remote_module *make(struct ht_remote *r, const struct ht_remote_map *map)
{
    struct ht_remote_module *m = calloc(1, sizeof *m);
    struct source *s = m ? open_source(r, map) : NULL;
    const char *name = is_vdso(map) ? "linux-vdso.so.1" : map->name;
    size_t n = strlen(name);
    if (n > 10 && !strcmp(name + n - 10, " (deleted)"))
        n -= 10;
    if (!s || !(m->path = strndup(name, n)) || !describe(s, map, m)) {
        if (m)
            free(m->path);
        free(m);
        m = NULL;
    }
    close_source(s);
    return m;
}

bool ht_remote_tables(struct ht_remote *r, struct ht_remote_module *m)
{
    if (m->here.eh_frame_hdr || m->no_tables)
        return !m->no_tables;
    const struct ht_remote_map *map =
        m->n_segments ? ht_remote_map_at(r, m->segments[0].start) : NULL;
    struct source *s = map ? open_source(r, map) : NULL;
    m->no_tables = !s || !copy_tables(s, m);
    close_source(s);
    return !m->no_tables;
}

struct ht_remote_module *ht_remote_module_at(struct ht_remote *r, uint64_t at)
{
    struct ht_remote_map *map = ht_remote_map_at(r, at);
    if (!map || !map->executable || (!map->inode && !is_vdso(map)))
        return NULL;
    if (map->module)
        return map->module;
    for (struct ht_remote_module *m = r->modules; m; m = m->next)
        if (at >= m->start && at < m->end)
            return map->module = m;
    struct ht_remote_module *m = make(r, map);
    if (m) {
        m->next = r->modules;
        r->modules = m;
    }
    return map->module = m;
}

static void rest(struct ht_remote_module *m)
{
    if (m->here.start)
        munmap((void *)m->here.start, m->here.end - m->here.start);
    m->here = (struct ht_object){0};
}

void ht_remote_modules_rest(struct ht_remote *r)
{
    for (struct ht_remote_module *m = r->modules; m; m = m->next)
        rest(m);
}

static void destroy(struct ht_remote_module *m)
{
    rest(m);
    free(m->path);
    free(m);
}

/* Whether one of its executable segments is still mapped from a file of that name. */
static bool still_there(const struct ht_remote *r, const struct ht_remote_module *m)
{
    for (unsigned i = 0; i < m->n_segments; i++) {
        const struct ht_remote_map *map = ht_remote_map_at(r, m->segments[i].start);
        if (map && map->executable &&
            (!strncmp(map->name, m->path, strlen(m->path)) || is_vdso(map)))
            return true;
    }
    return false;
}

void ht_remote_modules_check(struct ht_remote *r)
{
    for (struct ht_remote_module **at = &r->modules; *at;) {
        struct ht_remote_module *m = *at;
        if (still_there(r, m)) {
            at = &m->next;
        } else {
            *at = m->next;
            destroy(m);
        }
    }
}

void ht_remote_modules_destroy(struct ht_remote *r)
{
    while (r->modules) {
        struct ht_remote_module *m = r->modules;
        r->modules = m->next;
        destroy(m);
    }
}
