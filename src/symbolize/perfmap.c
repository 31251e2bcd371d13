/* SPDX-License-Identifier: MIT */
/*
 * Reads the map's entries, sorts them by address and searches them. First it checks whose file it
 * is, and how old.
 */
#include "config.h"

#include "symbolize/perfmap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbolize/pool.h"

struct entry {
    uint64_t start, end;
    const char *name;
    uint32_t order; /* a place is used again when code is discarded: the last entry counts */
};

struct ht_perfmap {
    struct entry *entries;
    size_t n, cap;
    struct ht_pool pool;
};

enum { ENTRIES_MAX = 16 << 20 };

/* Opens the file only if its owner and time fit. */
static FILE *open_file(const char *path, uid_t owner, int64_t taken_ns)
{
    struct statx st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    /* Any user can put a file of that name into /tmp. */
    bool good = statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) == 0 &&
                S_ISREG(st.stx_mode) &&
                (st.stx_uid == geteuid() || st.stx_uid == 0 || st.stx_uid == owner);
    if (good && taken_ns > 0 && (st.stx_mask & STATX_BTIME))
        good = st.stx_btime.tv_sec <= taken_ns / 1000000000;
    FILE *f = good ? fdopen(fd, "r") : NULL;
    if (!f)
        close(fd);
    return f;
}

/* The pid the process has in its own namespace, by which it names the file. */
static pid_t inner_pid(pid_t pid)
{
    char path[64], line[256];
    long inner = pid;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "NSpid:", 6)) {
            char *last = strrchr(line, '\t');
            inner = last ? strtol(last, NULL, 10) : pid;
            break;
        }
    if (f)
        fclose(f);
    return (pid_t)inner;
}

static FILE *find_file(pid_t pid, bool alive, const char *root, int64_t taken_ns)
{
    char path[4096], proc[64];
    struct stat st;
    FILE *f = NULL;
    snprintf(proc, sizeof proc, "/proc/%d", (int)pid);
    uid_t owner = alive && stat(proc, &st) == 0 ? st.st_uid : geteuid();
    if (root && *root && snprintf(path, sizeof path, "%s/tmp/perf-%d.map", root, (int)pid) > 0)
        f = open_file(path, owner, taken_ns);
    if (!f && alive) {
        snprintf(path, sizeof path, "%s/root/tmp/perf-%d.map", proc, (int)inner_pid(pid));
        f = open_file(path, owner, 0);
    }
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)pid);
    return f ? f : open_file(path, owner, alive ? 0 : taken_ns);
}

static int by_start(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool add_line(struct ht_perfmap *m, char *line)
{
    char *end;
    uint64_t start = strtoull(line, &end, 16);
    if (end == line || *end != ' ')
        return true;
    char *size_at = end + 1;
    uint64_t size = strtoull(size_at, &end, 16);
    if (end == size_at || *end != ' ' || size == 0 || start + size < start)
        return true;
    char *name = end + 1;
    name[strcspn(name, "\r\n")] = 0;
    if (!*name)
        return true;
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 1024;
        struct entry *bigger =
            cap <= ENTRIES_MAX ? reallocarray(m->entries, cap, sizeof *bigger) : NULL;
        if (!bigger)
            return false;
        m->entries = bigger;
        m->cap = cap;
    }
    const char *copy = ht_pool_str(&m->pool, name);
    if (copy)
        m->entries[m->n++] = (struct entry){start, start + size, copy, (uint32_t)m->n};
    return copy != NULL;
}

struct ht_perfmap *ht_perfmap_open(pid_t pid, bool alive, const char *root, int64_t taken_ns)
{
    FILE *f = pid > 0 ? find_file(pid, alive, root, taken_ns) : NULL;
    struct ht_perfmap *m = f ? calloc(1, sizeof *m) : NULL;
    char line[4096];
    while (m && fgets(line, sizeof line, f) && add_line(m, line))
        ;
    if (m && m->n)
        qsort(m->entries, m->n, sizeof *m->entries, by_start);
    if (f)
        fclose(f);
    return m;
}

void ht_perfmap_close(struct ht_perfmap *m)
{
    if (!m)
        return;
    free(m->entries);
    ht_pool_finish(&m->pool);
    free(m);
}

const char *ht_perfmap_find(const struct ht_perfmap *m, uint64_t addr)
{
    size_t lo = 0, hi = m->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->entries[mid].start <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    /* Replaced code may lie under a newer, shorter entry; a few steps back find the newest. */
    const struct entry *best = NULL;
    for (int back = 0; lo-- > 0 && back < 64; back++) {
        const struct entry *e = &m->entries[lo];
        if (addr < e->end && (!best || e->order > best->order))
            best = e;
    }
    return best ? best->name : NULL;
}
