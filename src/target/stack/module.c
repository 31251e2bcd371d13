/* SPDX-License-Identifier: MIT */
/*
 * A module is distinguished from another that was mapped at the same place before by its build-id
 * or, without one, by a hash of its first segment. Records are appended, never changed; slots by
 * hash are hints.
 */
#include "config.h"

#include "target/stack/module.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "region/text.h"
#include "region/yield_point.h"
#include "target/os/machine.h"
#include "target/state/lock.h"
#include "target/state/process_info.h"
#include "target/state/state.h"
#include "target/tables/writer.h"
#include "util/hash.h"

#define FINGERPRINT_MAX 65536u

static uint64_t hash_path(uint64_t hash, const struct ht_object *o)
{
    const char *path = ((const struct link_map *)o->link_map)->l_name;
    while (path && *path)
        hash = (hash ^ (unsigned char)*path++) * HT_GOLDEN_RATIO;
    return hash;
}

/* A hash of the path and of the lowest segment: headers, symbol names, hash table. */
static uint64_t fingerprint(const struct ht_object *o)
{
    uint32_t n_headers;
    const Elf64_Phdr *p = ht_object_headers(o, &n_headers), *first = NULL;
    if (!p)
        return 0;
    for (unsigned i = 0; i < n_headers; i++)
        if (p[i].p_type == PT_LOAD && (!first || p[i].p_vaddr < first->p_vaddr))
            first = &p[i];
    uint64_t n = first ? first->p_filesz : 0, hash = hash_path(n, o);
    if (n > FINGERPRINT_MAX)
        n = FINGERPRINT_MAX;
    if (n > o->end - o->start)
        n = o->end - o->start;
    for (uint64_t i = 0; i + 8 <= n; i += 8) {
        hash = (hash ^ *(const uint64_t *)(o->start + i)) * HT_GOLDEN_RATIO;
        hash ^= hash >> 29;
    }
    return hash;
}

static bool same_shape(const struct ht_module *m, const struct ht_object *o)
{
    const Elf64_Ehdr *e = (const Elf64_Ehdr *)o->start;
    return m->start == o->start && m->end == o->end && m->eh_frame_hdr == o->eh_frame_hdr &&
           m->ident[0] == (e->e_entry ^ ((uint64_t)e->e_phnum << 48)) && m->ident[1] == e->e_shoff;
}

/*
 * Whether the module at this place is still the same object. Another library at the same place
 * (dlclose, dlopen) has the same addresses but another header and build-id. The build-id is read
 * where it was found the first time: in the first page, which is always mapped, or at a place that
 * the equal header words confirm. Without a build-id the contents of the first segment are
 * compared, once after each dlclose.
 */
static bool same(struct ht_module *m, const struct ht_object *o)
{
    if (HT_LOAD_RELAXED(m->link_map) != o->link_map || !same_shape(m, o))
        return false;
    if (m->note_addr)
        return !memcmp((const void *)m->note_addr, &m->ident[2], 16);
    uint64_t now = atomic_load_explicit(&ht_unload_generation, memory_order_relaxed);
    if (atomic_load_explicit(&m->checked, memory_order_relaxed) == now)
        return true;
    if (fingerprint(o) != m->fingerprint)
        return false;
    atomic_store_explicit(&m->checked, now, memory_order_relaxed);
    return true;
}

static void read_note(struct ht_module *m, uint64_t at, uint64_t end)
{
    while (at + sizeof(Elf64_Nhdr) <= end) {
        const Elf64_Nhdr *n = (const Elf64_Nhdr *)at;
        uint64_t name = at + sizeof *n, desc = name + ((n->n_namesz + 3ull) & ~3ull);
        uint64_t next = desc + ((n->n_descsz + 3ull) & ~3ull);
        if (next > end || next <= at)
            return;
        if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 &&
            !memcmp((const void *)name, "GNU", 4) && n->n_descsz <= sizeof m->build_id) {
            memcpy(m->build_id, (const void *)desc, n->n_descsz);
            m->build_id_size = n->n_descsz;
            if (n->n_descsz >= 16) {
                m->note_addr = desc;
                memcpy(&m->ident[2], (const void *)desc, 16);
            }
            return;
        }
        at = next;
    }
}

static void read_headers(struct ht_module *m, const struct ht_object *o)
{
    const Elf64_Ehdr *e = ht_object_elf_header(o);
    if (!e)
        return;
    m->ident[0] = e->e_entry ^ ((uint64_t)e->e_phnum << 48);
    m->ident[1] = e->e_shoff;
    uint32_t n;
    const Elf64_Phdr *p = ht_object_headers(o, &n);
    if (!p)
        return;
    uint64_t lowest = UINT64_MAX;
    for (unsigned i = 0; i < n; i++)
        if (p[i].p_type == PT_LOAD && p[i].p_vaddr < lowest)
            lowest = p[i].p_vaddr;
    m->bias = o->start - HT_PAGE_DOWN(lowest);
    for (unsigned i = 0; i < n; i++) {
        uint64_t at = m->bias + p[i].p_vaddr, end = at + p[i].p_memsz;
        if (at < o->start || end > o->end || end < at)
            continue;
        if (p[i].p_type == PT_NOTE && !m->build_id_size)
            read_note(m, at, end);
        if (p[i].p_type == PT_LOAD && (p[i].p_flags & PF_X) && m->n_segments < HT_MAX_SEGMENTS) {
            m->segments[m->n_segments].start = at;
            m->segments[m->n_segments].limit = end;
            m->segments[m->n_segments++].offset = p[i].p_offset;
        }
    }
}

static bool write_path(struct ht_module *m, const char *path, uint32_t n)
{
    if (n > 4000)
        n = 4000;
    m->path = ht_data_new(n + 1);
    if (!m->path)
        return false;
    char *to = ht_at(m->path);
    memcpy(to, path, n);
    to[n] = 0;
    m->path_size = n;
    return true;
}

/* `making` is held. */
static bool name_module(struct ht_module *m, const struct link_map *l)
{
    /* guarded by `making`; static, because a coroutine's stack may be small */
    static char buf[2200];
    if (m->start == getauxval(AT_SYSINFO_EHDR)) {
        m->flags |= HT_MODULE_VDSO;
        return write_path(m, "linux-vdso.so.1", 15);
    }
    const char *name = l->l_name ? l->l_name : "";
    if (!*name) {
        m->flags |= HT_MODULE_MAIN;
        name = *ht_process.program ? ht_process.program : ht_process.exe;
    }
    struct ht_text t = ht_text(buf, sizeof buf);
    if (*name != '/') {
        ht_text_string(&t, ht_process.cwd);
        ht_text_string(&t, "/");
    }
    ht_text_string(&t, name);
    return write_path(m, buf, (uint32_t)(t.at - buf));
}

static void publish(struct ht_module *m, ht_ref ref)
{
    HT_YIELD_POINT(MODULE);
    atomic_store_explicit(&m->commit, HT_COMMITTED, memory_order_release);
    HT_YIELD_POINT(MODULE);
    uint64_t slot = ht_mix(m->start) % HT_MODULE_SLOTS;
    atomic_store_explicit(&ht_state->modules[slot], ref, memory_order_release);
}

/* A record evicted from its slot by a hash collision is found again by walking the table. */
static ht_ref search(const struct ht_object *o)
{
    struct ht_view v;
    ht_own_view(&v);
    struct ht_cursor c = {.kind = HT_KIND_MODULE};
    while (ht_view_next(&v, &c))
        if (same(ht_at(c.ref), o))
            return c.ref;
    return 0;
}

/* The record of the same file that was unloaded and is at the same place again, with another handle
 * of the loader's: a program that loads and unloads for a year needs no more than its first rounds.
 */
static ht_ref search_reloaded(const struct ht_object *o)
{
    struct ht_view v;
    ht_own_view(&v);
    struct ht_cursor c = {.kind = HT_KIND_MODULE};
    while (ht_view_next(&v, &c)) {
        struct ht_module *m = ht_at(c.ref);
        if (!same_shape(m, o) ||
            (m->note_addr && memcmp((const void *)m->note_addr, &m->ident[2], 16)) ||
            m->fingerprint != (m->note_addr ? hash_path(0, o) : fingerprint(o)))
            continue;
        HT_STORE_RELAXED(m->link_map, o->link_map);
        return c.ref;
    }
    return 0;
}

static bool in_place_of(const struct ht_module *m, const struct ht_object *o)
{
    return m->start < o->end && o->start < m->end;
}

/*
 * The object at this place was unloaded, perhaps by a dlclose that did not pass through our hook
 * (glibc's own, for iconv's modules, or one in a library that was opened with RTLD_DEEPBIND). All
 * cached data about these addresses is invalid from now on.
 */
static void note_unload(void)
{
    atomic_fetch_add_explicit(&ht_unload_generation, 1, memory_order_relaxed);
}

static bool replaces_any(const struct ht_object *o)
{
    struct ht_view v;
    ht_own_view(&v);
    struct ht_cursor c = {.kind = HT_KIND_MODULE};
    const struct ht_module *m;
    while ((m = ht_view_next(&v, &c)))
        if (in_place_of(m, o))
            return true;
    return false;
}

ht_ref ht_module_of(const struct ht_object *o)
{
    struct ht_state *s = ht_state;
    _Atomic ht_ref *slot = &s->modules[ht_mix(o->start) % HT_MODULE_SLOTS];
    ht_ref ref = atomic_load_explicit(slot, memory_order_acquire);
    if (ref && same(ht_at(ref), o))
        return ref;
    bool replaces = ref && in_place_of(ht_at(ref), o);
    /* one thread at a time, so that no module is recorded twice */
    if (!ht_lock(&s->making, HT_RANK_MODULE))
        return 0;
    ref = search(o);
    if (!ref)
        ref = search_reloaded(o);
    if (replaces || (!ref && replaces_any(o)))
        note_unload();
    if (ref) {
        atomic_store_explicit(slot, ref, memory_order_release);
    } else if ((ref = ht_record_new(HT_KIND_MODULE))) {
        struct ht_module *m = ht_at(ref);
        m->start = o->start;
        m->end = o->end;
        HT_YIELD_POINT(MODULE);
        m->link_map = o->link_map;
        m->eh_frame_hdr = o->eh_frame_hdr;
        uint64_t generation = atomic_load_explicit(&ht_unload_generation, memory_order_relaxed);
        read_headers(m, o);
        if (m->note_addr) {
            m->fingerprint = hash_path(0, o);
        } else {
            m->fingerprint = fingerprint(o);
            atomic_store_explicit(&m->checked, generation, memory_order_relaxed);
        }
        if (name_module(m, (const struct link_map *)o->link_map))
            publish(m, ref);
        else
            ref = 0;
    }
    ht_unlock(&s->making, HT_RANK_MODULE);
    return ref;
}

void ht_module_record_main_now(void)
{
    ht_prefault_tables();
    struct ht_object o;
    if (ht_object_main(&o))
        ht_module_of(&o);
}

ht_ref ht_module_copy(const struct ht_module *old, const char *path, uint32_t path_size)
{
    ht_ref ref = ht_record_new(HT_KIND_MODULE);
    if (!ref)
        return 0;
    struct ht_module *m = ht_at(ref);
    memcpy((char *)m + sizeof m->commit, (const char *)old + sizeof m->commit,
           sizeof *m - sizeof m->commit);
    if (!write_path(m, path, path_size))
        return 0;
    publish(m, ref);
    return ref;
}
