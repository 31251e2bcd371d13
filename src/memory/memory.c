/* SPDX-License-Identifier: MIT */
/* Each mapping of /proc/PID/smaps counts in one row. */
#include "config.h"

#include "memory/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/smaps.h"

struct range {
    uint64_t start, end;
};

struct look {
    struct ht_remote *r;
    struct ht_memory *m;
    struct range *heap; /* glibc's */
    size_t n_heap, room;
    uint64_t *stacks; /* stack pointers, sorted */
    size_t n_stacks;
    const uint64_t *sampled;
    size_t n_sampled;
    bool failed; /* out of memory */
};

const char *ht_memory_kind_name(enum ht_memory_kind kind)
{
    static const char *const names[] = {
        [HT_MEMORY_HEAP] = "heap",     [HT_MEMORY_ANONYMOUS] = "anonymous",
        [HT_MEMORY_STACKS] = "stacks", [HT_MEMORY_CODE] = "code",
        [HT_MEMORY_FILES] = "files",   [HT_MEMORY_SHARED] = "shared",
        [HT_MEMORY_OURS] = "heaptap",
    };
    return names[kind];
}

static void add_range(void *arg, uint64_t start, uint64_t end)
{
    struct look *l = arg;
    if (l->n_heap == l->room) {
        size_t room = l->room ? 2 * l->room : 16;
        struct range *more = reallocarray(l->heap, room, sizeof *more);
        if (!more) {
            l->failed = true;
            return;
        }
        l->heap = more;
        l->room = room;
    }
    l->heap[l->n_heap++] = (struct range){start, end};
}

static bool in_heap(const struct look *l, const struct ht_smap *e)
{
    for (size_t i = 0; i < l->n_heap; i++)
        if (e->start < l->heap[i].end && e->end > l->heap[i].start)
            return true;
    return false;
}

/* True when one of the sorted addresses lies in the mapping. */
static bool has_any(const uint64_t *at, size_t n, const struct ht_smap *e)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at[middle] < e->start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && at[low] < e->end;
}

static int by_address(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The stack pointers of all threads; the kernel shows those of waiting threads. */
static void find_stacks(struct look *l)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)l->r->pid);
    DIR *d = opendir(path);
    size_t room = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct ht_remote_thread t = {.tid = atoi(e->d_name)};
        if (t.tid <= 0)
            continue;
        l->m->threads++;
        if (!ht_remote_thread_read(l->r, &t) || !t.sp)
            continue;
        if (l->n_stacks == room) {
            uint64_t *more = reallocarray(l->stacks, room ? 2 * room : 16, sizeof *more);
            if (!more)
                break;
            l->stacks = more;
            room = room ? 2 * room : 16;
        }
        l->stacks[l->n_stacks++] = t.sp;
    }
    if (d)
        closedir(d);
    if (l->n_stacks)
        qsort(l->stacks, l->n_stacks, sizeof *l->stacks, by_address);
}

static bool begins(const char *s, const char *with)
{
    return !strncmp(s, with, strlen(with));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A file of which code is mapped is a program or a library, all of its mappings with it. */
static bool has_code(const struct look *l, const struct ht_smap *e, const char *name)
{
    for (size_t i = 0; i < l->r->n_maps; i++)
        if (l->r->maps[i].executable && l->r->maps[i].inode == e->inode &&
            !strcmp(l->r->maps[i].name, name))
            return true;
    return false;
}

/* Zeroed data of a program or a library lies right behind the data that its file has. */
static bool is_bss(const struct ht_smap *e, const struct ht_smap *before)
{
    return before->end == e->start && before->inode && before->perms[1] == 'w' &&
           before->perms[3] == 'p' && e->end - e->start < (64 << 20);
}

/* Below a thread's stack lies a guard that nobody may touch. */
static bool has_guard(const struct ht_smap *e, const struct ht_smap *before)
{
    return before->end == e->start && begins(before->perms, "---p") && !before->inode &&
           before->end - before->start <= (64 << 10) && e->end - e->start >= (16 << 10);
}

/* The allocator is not glibc's; its mappings are those with sampled objects. */
static bool own_allocator(const struct look *l)
{
    return *l->m->allocator || !l->m->glibc.found;
}

/* jemalloc says itself which pages are its own. */
static bool has_tree(const struct look *l)
{
    return own_allocator(l) && l->m->jemalloc.tree;
}

static enum ht_memory_kind kind_of(struct look *l, const struct ht_smap *e, const char *name,
                                   const struct ht_smap *before)
{
    if (begins(name, "/dev/shm/heaptap-") || begins(base_name(name), "libheaptap"))
        return HT_MEMORY_OURS;
    if (e->perms[3] == 's' && (begins(name, "/dev/shm/") || begins(name, "/SYSV") ||
                               begins(name, "/memfd:") || begins(name, "/dev/zero")))
        return HT_MEMORY_SHARED;
    if (e->inode)
        return e->perms[2] == 'x' || has_code(l, e, name) ? HT_MEMORY_CODE : HT_MEMORY_FILES;
    if (begins(name, "[vdso") || begins(name, "[vvar") || begins(name, "[vsyscall"))
        return HT_MEMORY_CODE;
    if (begins(name, "[heap]") || in_heap(l, e))
        return HT_MEMORY_HEAP;
    if (begins(name, "[stack") || has_any(l->stacks, l->n_stacks, e))
        return HT_MEMORY_STACKS;
    if (!*name && is_bss(e, before))
        return HT_MEMORY_CODE;
    if (e->perms[1] == 'w' && has_guard(e, before))
        return HT_MEMORY_STACKS;
    return own_allocator(l) && !has_tree(l) && has_any(l->sampled, l->n_sampled, e)
               ? HT_MEMORY_HEAP
               : HT_MEMORY_ANONYMOUS;
}

static void add_part(struct ht_memory_part *to, const struct ht_memory_part *p)
{
    to->resident += p->resident;
    to->mapped += p->mapped;
    to->swapped += p->swapped;
    to->maps += 1;
}

static void account(struct look *l, const struct ht_smap *e, const char *name,
                    const struct ht_smap *before)
{
    enum ht_memory_kind kind = kind_of(l, e, name, before);
    const struct ht_memory_part whole = {
        .resident = e->resident, .mapped = e->end - e->start, .swapped = e->swapped};
    struct ht_memory_part part = whole, blocks = {0};
    if (kind == HT_MEMORY_ANONYMOUS && e->perms[1] == 'w' && !own_allocator(l)) {
        ht_memory_glibc_blocks(l->r, e->start, e->end, &blocks);
        l->m->glibc.n_mapped += blocks.maps;
        l->m->glibc.mapped += blocks.mapped;
    } else if (kind == HT_MEMORY_ANONYMOUS && has_tree(l)) {
        struct ht_memory_jemalloc_range own;
        ht_memory_jemalloc_range(l->r, &l->m->jemalloc, e->start, e->end, &own);
        blocks.mapped = own.mapped;
        blocks.resident = own.resident;
        blocks.maps = own.maps;
    }
    if (blocks.maps) {
        if (blocks.resident > part.resident)
            blocks.resident = part.resident;
        part.resident -= blocks.resident;
        part.mapped -= blocks.mapped;
        add_part(&l->m->of[HT_MEMORY_HEAP], &blocks);
    }
    if (part.mapped)
        add_part(&l->m->of[kind], &part);
    add_part(&l->m->all, &whole);
}

static uint64_t status_resident(pid_t pid)
{
    char path[64], line[256];
    unsigned long long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %llu", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb * 1024;
}

static int account_all(struct look *l)
{
    static const struct ht_smap none;
    struct ht_smaps s;
    int err = ht_smaps_read(l->r->living, &s);
    for (size_t i = 0; i < s.n; i++)
        account(l, &s.map[i], ht_smap_name(&s, &s.map[i]), i ? &s.map[i - 1] : &none);
    ht_smaps_free(&s);
    return err;
}

/* An allocator that is a library of its own, and CPython. */
static void find_runtimes(struct look *l)
{
    static const char *const allocators[] = {"libjemalloc", "libtcmalloc", "libmimalloc"};
    for (size_t i = 0; i < l->r->n_maps; i++) {
        const struct ht_remote_map *m = &l->r->maps[i];
        const char *base = base_name(m->name);
        if (!m->executable || !m->inode)
            continue;
        for (size_t k = 0; k < sizeof allocators / sizeof *allocators; k++)
            if (begins(base, allocators[k]))
                snprintf(l->m->allocator, sizeof l->m->allocator, "%s", base);
        l->m->python |= begins(base, "libpython3") || begins(base, "python3");
    }
    char path[64], *text = NULL;
    size_t room = 0;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)l->r->pid);
    FILE *f = l->m->python ? fopen(path, "re") : NULL;
    while (f && getdelim(&text, &room, '\0', f) > 0)
        if (begins(text, "PYTHONMALLOC=malloc"))
            l->m->python = false;
    free(text);
    if (f)
        fclose(f);
}

/* One that is in the program has no library's name; the arenas of glibc's lie idle beside it. */
static void find_allocators(struct look *l)
{
    struct ht_memory *m = l->m;
    ht_memory_glibc(l->r, &m->glibc, add_range, l);
    ht_memory_jemalloc(l->r, &m->jemalloc);
    ht_memory_tcmalloc(l->r, &m->tcmalloc);
    if (!*m->allocator && m->jemalloc.found && m->jemalloc.active > m->glibc.taken)
        snprintf(m->allocator, sizeof m->allocator, "jemalloc");
    else if (!*m->allocator && m->tcmalloc.found && m->tcmalloc.heap > m->glibc.taken)
        snprintf(m->allocator, sizeof m->allocator, "tcmalloc");
}

int ht_memory_look(struct ht_remote *r, const uint64_t *sampled, size_t n_sampled,
                   struct ht_memory *m, char *msg, size_t msg_size)
{
    struct look l = {.r = r, .m = m, .sampled = sampled, .n_sampled = n_sampled};
    *m = (struct ht_memory){0};
    find_runtimes(&l);
    find_allocators(&l);
    find_stacks(&l);
    int err = account_all(&l);
    m->kernel_resident = status_resident(r->living);
    if (!err && l.failed)
        err = -ENOMEM;
    if (err)
        snprintf(msg, msg_size, "process %d: its memory cannot be looked through: %s", (int)r->pid,
                 err == -ESRCH ? "it has ended" : strerror(-err));
    free(l.heap);
    free(l.stacks);
    return err;
}
