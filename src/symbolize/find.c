/* SPDX-License-Identifier: MIT */
/*
 * Tries the places where a binary may be, best first: the mapped file itself through /proc, the
 * recorded path, pprof's and the distributions' directories by build-id, then debuginfod. A file
 * with another build-id is skipped.
 */
#include "config.h"

#include "symbolize/find.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "symbolize/memory_elf.h"
#include "util/utf8.h"

struct search {
    const struct ht_find *what;
    struct ht_found *found;
    char proc_root[64]; /* /proc/PID/root while the process lives, else "" */
};

static bool is_build_id(const char *s)
{
    size_t n = strlen(s);
    return n >= 4 && n % 2 == 0 && strspn(s, "0123456789abcdef") == n;
}

/* Opens a candidate into e; false when it is not there or is another build. */
static bool try_open(struct search *s, struct ht_elf *e, const char *path)
{
    if (ht_elf_open(e, path))
        return false;
    if ((is_build_id(s->what->build_id) && strcmp(e->build_id, s->what->build_id)) ||
        (e == &s->found->main && e->segments.only_debug)) {
        ht_elf_finish(e);
        return false;
    }
    return true;
}

__attribute__((format(printf, 3, 4))) static bool try_openf(struct search *s, struct ht_elf *e,
                                                            const char *format, ...)
{
    char *path;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&path, format, ap);
    va_end(ap);
    if (n < 0)
        return false;
    bool ok = try_open(s, e, path);
    free(path);
    return ok;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* True when a line of maps is of the program itself, whose link (/proc/PID/exe) needs no
 * privilege. */
static bool is_program(pid_t pid, const char *line)
{
    char path[64];
    struct stat st;
    unsigned long inode = 0;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    return sscanf(line, "%*s %*s %*s %*s %lu", &inode) == 1 && !stat(path, &st) &&
           st.st_ino == inode;
}

/* The mapping in the live process. */
struct mapped {
    char line[4096 + 128]; /* of maps */
    uint64_t lo, hi;
    uint64_t first; /* where the first bytes of the same file are mapped; 0: nowhere before it */
};

/* Whether two lines of maps are of one file. */
static bool same_file(const char *a, const char *b)
{
    unsigned long inode_a, inode_b;
    char device_a[32], device_b[32];
    return sscanf(a, "%*s %*s %*s %31s %lu", device_a, &inode_a) == 2 &&
           sscanf(b, "%*s %*s %*s %31s %lu", device_b, &inode_b) == 2 && inode_a &&
           inode_a == inode_b && !strcmp(device_a, device_b);
}

static bool find_mapped(const struct search *s, struct mapped *m)
{
    char path[64], first[sizeof m->line] = "";
    snprintf(path, sizeof path, "/proc/%d/maps", (int)s->what->pid);
    FILE *f = fopen(path, "re");
    uint64_t offset, first_at = 0;
    bool found = false;
    while (f && !found && fgets(m->line, sizeof m->line, f)) {
        if (sscanf(m->line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &m->lo, &m->hi, &offset) != 3)
            continue;
        if (!offset) {
            first_at = m->lo;
            strcpy(first, m->line);
        }
        found = s->what->start >= m->lo && s->what->start < m->hi;
    }
    if (f)
        fclose(f);
    if (!found)
        return false;
    m->first = same_file(first, m->line) ? first_at : 0;
    const char *name = strchr(m->line, '/');
    /* Without a build-id only the name shows that the pid was not reused. */
    return name &&
           (is_build_id(s->what->build_id) || !strncmp(name, s->what->file, strlen(s->what->file)));
}

/* By the kernel's own link to the file: right even when the path is gone or lies in another mount
 * namespace. */
static bool open_mapped(struct search *s, const struct mapped *m)
{
    return try_openf(s, &s->found->main, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
                     (int)s->what->pid, m->lo, m->hi) ||
           (is_program(s->what->pid, m->line) &&
            try_openf(s, &s->found->main, "/proc/%d/exe", (int)s->what->pid));
}

/* That link is root's to follow. */
static bool open_memory(struct search *s, const struct mapped *m)
{
    struct ht_elf *e = &s->found->main;
    if (!m->first || ht_elf_from_process(e, s->what->pid, m->first, s->what->file))
        return false;
    if (is_build_id(s->what->build_id) && strcmp(e->build_id, s->what->build_id)) {
        ht_elf_finish(e);
        return false;
    }
    return s->found->from_memory = true;
}

/* Calls with each directory of PPROF_BINARY_PATH until one has the file. */
static bool pprof_path(struct search *s, struct ht_elf *e, bool debug)
{
    const char *env = getenv("PPROF_BINARY_PATH"), *home = getenv("HOME");
    char *list = NULL;
    if (env && *env)
        list = strdup(env);
    else if (!home || asprintf(&list, "%s/pprof/binaries", home) < 0)
        list = NULL;
    const char *id = s->what->build_id, *file = s->what->file;
    bool known = is_build_id(id), ok = false;
    char *save = NULL;
    for (char *p = list ? strtok_r(list, ":", &save) : NULL; p && !ok;
         p = strtok_r(NULL, ":", &save)) {
        ok = (known && try_openf(s, e, "%s/%s/%s", p, id, base_name(file))) ||
             (known && try_openf(s, e, "%s/%.2s/%s.debug", p, id, id + 2)) ||
             try_openf(s, e, "%s/%s", p, base_name(file)) || try_openf(s, e, "%s/%s", p, file);
        /* <p>/<file> may be the stripped binary once more. */
        if (ok && debug && !e->has_dwarf) {
            ht_elf_finish(e);
            ok = false;
        }
    }
    free(list);
    return ok;
}

static bool open_recorded(struct search *s)
{
    const char *file = s->what->file, *root = s->what->root ? s->what->root : "";
    struct ht_elf *e = &s->found->main;
    /* "[stack]"; and a relative path, which some writers record, is relative to here only. */
    if (*file == '[' || (*file != '/' && *root))
        return false;
    if (*root && try_openf(s, e, "%s%s", root, file))
        return true;
    if (*file == '/' && s->proc_root[0] && try_openf(s, e, "%s%s", s->proc_root, file))
        return true;
    if (*root)
        return false;
    struct ht_elf other;
    if (try_open(s, e, file))
        return true;
    if (ht_elf_open(&other, file) == 0) {
        s->found->replaced = true;
        ht_elf_finish(&other);
    }
    return false;
}

static bool open_main(struct search *s)
{
    struct ht_elf *e = &s->found->main;
    if (!strcmp(s->what->file, "[vdso]") || !strncmp(s->what->file, "linux-vdso.so", 13)) {
        if (ht_elf_vdso(e))
            return false;
        if (!*s->what->build_id || !strcmp(e->build_id, s->what->build_id))
            return true;
        ht_elf_finish(e);
        return false;
    }
    struct mapped m;
    bool mapped = s->what->pid && find_mapped(s, &m);
    if (mapped && open_mapped(s, &m))
        return true;
    /* A path in PPROF_BINARY_PATH was set on purpose: without a build-id it comes before the
     * recorded one. */
    const char *env = getenv("PPROF_BINARY_PATH");
    bool first = env && *env && !is_build_id(s->what->build_id);
    return (first && pprof_path(s, e, false)) || open_recorded(s) ||
           (!first && pprof_path(s, e, false)) || (mapped && open_memory(s, &m));
}

/* A debug file that says it belongs to main: by build-id, or else by the CRC that main's
 * .gnu_debuglink gives. */
static bool try_debuglink(struct search *s, const char *dir, size_t dir_len, const char *prefix,
                          const char *sub, const char *name, uint32_t crc)
{
    struct ht_elf *e = &s->found->debug;
    if (!try_openf(s, e, "%s%.*s%s/%s", prefix, (int)dir_len, dir, sub, name))
        return false;
    if (e->has_dwarf || e->has_symtab) {
        if (s->found->main.build_id[0] && !strcmp(e->build_id, s->found->main.build_id))
            return true;
        size_t size;
        const char *image = elf_rawfile(e->elf, &size);
        if (image && !e->build_id[0] && crc32_z(0, (const Bytef *)image, size) == crc)
            return true;
    }
    ht_elf_finish(e);
    return false;
}

static bool open_debuglink(struct search *s, const char *prefix)
{
    uint32_t crc;
    const char *file = s->what->file, *name = ht_elf_debuglink(&s->found->main, &crc);
    if (!name || *file != '/')
        return false;
    size_t n = (size_t)(base_name(file) - file) - 1;
    if (try_debuglink(s, file, n, prefix, "", name, crc) ||
        try_debuglink(s, file, n, prefix, "/.debug", name, crc))
        return true;
    char *global;
    if (asprintf(&global, "%s/usr/lib/debug", prefix) < 0)
        return false;
    bool ok = try_debuglink(s, file, n, global, "", name, crc);
    free(global);
    return ok;
}

static char *fetch(const struct ht_find *what, const char *build_id, const char *kind)
{
    return ht_debuginfod_fetch(build_id, kind, what->waiting, what->waiting_arg);
}

static bool open_debug(struct search *s)
{
    struct ht_elf *e = &s->found->debug;
    const char *id = s->what->build_id;
    if (!is_build_id(id))
        id = s->found->main.build_id;
    const char *roots[] = {s->what->root ? s->what->root : "", s->proc_root, ""};
    for (size_t i = 0; i < 3; i++) {
        if (i < 2 && !*roots[i])
            continue;
        if (is_build_id(id) &&
            try_openf(s, e, "%s/usr/lib/debug/.build-id/%.2s/%s.debug", roots[i], id, id + 2))
            return true;
        if (s->found->main.elf && open_debuglink(s, roots[i]))
            return true;
    }
    if (pprof_path(s, e, true))
        return true;
    char *path = is_build_id(id) ? fetch(s->what, id, "debuginfo") : NULL;
    bool ok = path && try_open(s, e, path);
    free(path);
    return ok;
}

int ht_find_open(struct ht_found *f, const struct ht_find *what, bool want_debug)
{
    *f = (struct ht_found){.main.fd = -1, .debug.fd = -1};
    struct search s = {.what = what, .found = f};
    if (what->pid) {
        snprintf(s.proc_root, sizeof s.proc_root, "/proc/%d/root", (int)what->pid);
        if (access(s.proc_root, X_OK))
            s.proc_root[0] = 0;
    }
    struct ht_find decoded = *what;
    char *bytes = NULL;
    bool have = open_main(&s);
    if (!have && (bytes = strdup(what->file)) && ht_utf8_unescape(bytes)) {
        decoded.file = bytes;
        s.what = &decoded;
        have = open_main(&s);
    }
    if (have ? want_debug && !f->main.has_dwarf : is_build_id(what->build_id))
        have |= open_debug(&s);
    if (!have && is_build_id(what->build_id)) {
        char *path = fetch(what, what->build_id, "executable");
        have = path && try_open(&s, &f->main, path);
        free(path);
    }
    free(bytes);
    return have ? 0 : -ENOENT;
}

void ht_find_finish(struct ht_found *f)
{
    ht_elf_finish(&f->main);
    ht_elf_finish(&f->debug);
}
