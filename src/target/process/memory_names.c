/* SPDX-License-Identifier: MIT */
/*
 * The addresses of all frames in such objects are sorted once, and each object's symbols are read
 * once and laid beside them. An object may be unloaded meanwhile: its memory is read by
 * process_vm_readv, which answers where a load would be a fault, and it is compared with the
 * record first.
 */
#include "config.h"

#include "target/process/memory_names.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "target/os/sys.h"
#include "target/process/filter_at_start.h"
#include "target/state/state.h"
#include "util/dynsym.h"

#define MAX_GONE 256u
#define BATCH    128u

struct name {
    uint64_t address;
    const struct ht_module *module;
    uint64_t start;           /* of the function that is taken; 0: none yet */
    uint64_t text, text_size; /* where its name is, and how many bytes are readable from there */
};

/* The dump's holder's. Untouched pages until an object's file is gone. */
static struct {
    const struct ht_module *gone[MAX_GONE];
    unsigned n_gone;
    struct name *at;
    uint64_t n, size;
    Elf64_Sym batch[BATCH];
    char text[4096];
} names;

static bool copy(void *none, uint64_t at, void *to, size_t n)
{
    (void)none;
    struct iovec here = {to, n}, there = {(void *)at, n};
    return SYS6(SYS_process_vm_readv, SYS0(SYS_getpid), &here, 1, &there, 1, 0) == (long)n;
}

static bool is_gone(const struct ht_view *v, const struct ht_module *m)
{
    struct stat st;
    uint32_t n;
    const char *path = ht_view_path(v, m, &n);
    return !(m->flags & HT_MODULE_VDSO) && *path == '/' && SYS_FAILED(SYS2(SYS_stat, path, &st));
}

static bool lies_in_gone(const struct ht_module *m)
{
    for (unsigned i = 0; i < names.n_gone; i++)
        if (names.gone[i] == m)
            return true;
    return false;
}

/* The frames in gone objects; written to `to` where there is room for n. */
static uint64_t collect(const struct ht_view *v, struct name *to, uint64_t n)
{
    struct ht_cursor c = {.kind = HT_KIND_FRAME};
    const struct ht_frame *f;
    uint64_t found = 0;
    while ((f = ht_view_next(v, &c))) {
        const struct ht_module *m = f->module ? ht_view_record(v, f->module, HT_KIND_MODULE) : NULL;
        if (!m || !f->pc || !lies_in_gone(m))
            continue;
        if (found < n)
            to[found] = (struct name){.address = f->pc - 1, .module = m};
        found++;
    }
    return found;
}

static void sift(struct name *at, uint64_t i, uint64_t n)
{
    for (uint64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && at[child + 1].address > at[child].address)
            child++;
        if (at[i].address >= at[child].address)
            return;
        struct name x = at[i];
        at[i] = at[child];
        at[child] = x;
    }
}

/* Heap sort: in place, and never slow. */
static void sort(struct name *at, uint64_t n)
{
    for (uint64_t i = n / 2; i-- > 0;)
        sift(at, i, n);
    for (uint64_t end = n; end-- > 1;) {
        struct name x = at[0];
        at[0] = at[end];
        at[end] = x;
        sift(at, 0, end);
    }
}

/* The first that is not below the address. */
static uint64_t first_from(uint64_t address)
{
    uint64_t low = 0, high = names.n;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (names.at[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether what is mapped there is still the object of the record. */
static bool same(const struct ht_module *m, const struct ht_mapped_elf *mapped)
{
    uint64_t note[2];
    const Elf64_Ehdr *e = &mapped->e;
    return m->ident[0] == (e->e_entry ^ ((uint64_t)e->e_phnum << 48)) &&
           m->ident[1] == e->e_shoff &&
           (!m->note_addr || (copy(NULL, m->note_addr, note, sizeof note) &&
                              !memcmp(note, &m->ident[2], sizeof note)));
}

static void lay_beside(const struct ht_module *m, const struct ht_dynsym *d, const Elf64_Sym *s)
{
    uint64_t start = m->bias + s->st_value, end = start + s->st_size;
    if (!ht_dynsym_is_function(s) || end <= start || s->st_name >= d->strings_size)
        return;
    for (uint64_t i = first_from(start); i < names.n && names.at[i].address < end; i++) {
        struct name *n = &names.at[i];
        if (n->module != m || n->start >= start)
            continue; /* of two around an address the nearer, of two names the first */
        n->start = start;
        n->text = d->strings + s->st_name;
        n->text_size = d->strings_size - s->st_name;
    }
}

static void name_object(const struct ht_module *m)
{
    struct ht_mapped_elf mapped = {.read = copy};
    struct ht_dynsym d;
    if (!ht_mapped_elf_read(&mapped, m->start) || !same(m, &mapped) || !ht_dynsym_find(&mapped, &d))
        return;
    for (uint64_t i = 0; i < d.n; i += BATCH) {
        uint64_t n = d.n - i < BATCH ? d.n - i : BATCH;
        if (!copy(NULL, d.symbols + i * sizeof(Elf64_Sym), names.batch, n * sizeof(Elf64_Sym)))
            return;
        for (uint64_t k = 0; k < n; k++)
            lay_beside(m, &d, &names.batch[k]);
    }
}

void ht_memory_names_take(const struct ht_view *v)
{
    names.n_gone = 0;
    names.n = 0;
    if (ht_sandboxed || !ht_no_filter_at_start || v->header != ht_state->header)
        return;
    struct ht_cursor c = {.kind = HT_KIND_MODULE};
    const struct ht_module *m;
    while (names.n_gone < MAX_GONE && (m = ht_view_next(v, &c)))
        if (is_gone(v, m))
            names.gone[names.n_gone++] = m;
    uint64_t n = names.n_gone ? collect(v, NULL, 0) : 0;
    names.size = n * sizeof(struct name);
    names.at = n ? ht_sys_anonymous(names.size) : NULL;
    if (!names.at)
        return;
    uint64_t now = collect(v, names.at, n);
    names.n = now < n ? now : n;
    sort(names.at, names.n);
    for (unsigned i = 0; i < names.n_gone; i++)
        name_object(names.gone[i]);
}

const char *ht_memory_name(const struct ht_module *m, uint64_t address)
{
    for (uint64_t i = first_from(address); i < names.n && names.at[i].address == address; i++) {
        const struct name *n = &names.at[i];
        if (n->module != m || !n->start)
            continue;
        uint64_t size = n->text_size < sizeof names.text ? n->text_size : sizeof names.text;
        if (!copy(NULL, n->text, names.text, size) || !names.text[0] ||
            !memchr(names.text, 0, size))
            return NULL;
        return names.text;
    }
    return NULL;
}

void ht_memory_names_drop(void)
{
    if (names.at)
        SYS2(SYS_munmap, names.at, names.size);
    names.at = NULL;
    names.n = 0;
}
