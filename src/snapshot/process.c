/* SPDX-License-Identifier: MIT */
/*
 * Reads /proc/PID: start time, threads, user, and the memory map, in which a region is recognised
 * by its name or, in private memory, by its first words.
 */
#include "config.h"

#include "snapshot/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "region/layout.h"
#include "snapshot/directory.h"
#include "snapshot/proc_lines.h"
#include "util/hash.h"

int ht_read_at(int fd, void *to, uint64_t n, uint64_t at)
{
    char *p = to;
    while (n) {
        ssize_t r = pread(fd, p, n > 1u << 30 ? 1u << 30 : n, (off_t)at);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r ? -errno : -EIO;
        p += r;
        at += (uint64_t)r;
        n -= (uint64_t)r;
    }
    return 0;
}

#define TICK (1000000000 / 100) /* nanoseconds; USER_HZ */

/* Nanoseconds that this command's time namespace adds to times since boot in /proc. */
static int64_t boot_offset(void)
{
    static _Atomic int64_t offset;
    static _Atomic bool known;
    char line[128];
    long long seconds, nanoseconds;
    FILE *f = known ? NULL : fopen("/proc/self/timens_offsets", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "boottime %lld %lld", &seconds, &nanoseconds) == 2)
            offset = seconds * 1000000000 + nanoseconds;
    if (f)
        fclose(f);
    known = true;
    return offset;
}

#define STAT_FIELDS 51 /* proc(5); the last one that is used */
/* Of field 9, flags: PF_EXITING, its memory is being freed, before it is a zombie; PF_KTHREAD. */
#define EXITING       0x4u
#define KERNEL_THREAD 0x200000u

/* Fields 26 to 28 and 45 to 51: where code, data, heap, arguments and environment begin and end.
 * They are 0, or 26 is 1, when they are hidden from this user. */
static uint64_t image_of(const uint64_t *value)
{
    static const unsigned char fields[] = {26, 27, 28, 45, 46, 47, 48, 49, 50, 51};
    uint64_t h = 1;
    for (size_t i = 0; i < sizeof fields; i++) {
        h = (h ^ value[fields[i]]) * HT_MIX_FACTOR;
        h ^= h >> 32;
    }
    return value[28] ? h | 1 : 0;
}

/* A file of /proc that is not there is that of a process that is gone. */
static int gone(int err)
{
    return err == -ENOENT ? -ESRCH : err;
}

static int read_stat(pid_t pid, struct ht_process_info *out)
{
    char buf[1024], path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return gone(-errno);
    ssize_t n = read(fd, buf, sizeof buf - 1);
    close(fd);
    buf[n > 0 ? n : 0] = 0;
    /* The name in parentheses may contain any character: the last ')' ends it. */
    const char *p = strrchr(buf, ')');
    if (!p || p[1] != ' ')
        return -ESRCH; /* it ended while it was read */
    out->state = p[2];
    uint64_t value[STAT_FIELDS + 1] = {0};
    char *at = (char *)(uintptr_t)p + 3; /* in front of field 4 */
    for (int field = 4; *at == ' ' && field <= STAT_FIELDS; field++)
        value[field] = strtoull(at + 1, &at, 10);
    out->threads = (uint32_t)value[20];
    out->start_ticks = value[22] ? value[22] - (uint64_t)(boot_offset() / TICK) : 0;
    out->image = image_of(value);
    out->kernel = value[9] & KERNEL_THREAD;
    return out->state == 'Z' || out->state == 'X' || value[9] & EXITING ? -ESRCH : 0;
}

/* The first thread may end by pthread_exit while others go on. */
static int find_thread(struct ht_process_info *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)out->pid);
    DIR *d = opendir(path);
    struct dirent *e;
    struct ht_process_info thread;
    int err = -ESRCH;
    while (d && err && (e = readdir(d)))
        if (*e->d_name != '.' && !read_stat((pid_t)atol(e->d_name), &thread)) {
            out->thread = (pid_t)atol(e->d_name);
            out->state = thread.state;
            err = 0;
        }
    if (d)
        closedir(d);
    return err;
}

int ht_process_read_stat(pid_t pid, struct ht_process_info *out)
{
    *out = (struct ht_process_info){.pid = pid, .own_pid = pid, .thread = pid};
    int err = read_stat(pid, out);
    return err == -ESRCH && out->state ? find_thread(out) : err;
}

int ht_process_read_status(struct ht_process_info *out)
{
    struct ht_proc_lines lines;
    int err = ht_proc_lines_open(&lines, out->pid, "status");
    if (err)
        return gone(err);
    for (char *line; (line = ht_proc_lines_next(&lines));) {
        if (!strncmp(line, "Uid:", 4)) { /* real, effective, saved, file system */
            char *end;
            strtoul(line + 4, &end, 10);
            out->uid = (uid_t)strtoul(end, NULL, 10);
        } else if (!strncmp(line, "Seccomp:", 8)) {
            out->filtered = strtoul(line + 8, NULL, 10) != 0;
        } else if (!strncmp(line, "NSpid:", 6)) { /* one for each namespace, this command's first */
            char *at = line + 6, *end;
            for (long v; v = strtol(at, &end, 10), end != at; at = end)
                out->own_pid = (pid_t)v;
        }
    }
    ht_proc_lines_close(&lines);
    return 0;
}

int ht_process_read(pid_t pid, struct ht_process_info *out)
{
    int err = ht_process_read_stat(pid, out);
    return err ? err : ht_process_read_status(out);
}

int ht_process_memory(pid_t thread)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* A line of /proc/PID/maps. */
struct line {
    uint64_t start, end, offset;
    unsigned major, minor;
    unsigned long inode;
    char perms[5];
    const char *name; /* "" for anonymous memory */
};

/* A number, and the character behind it, which is not counted. False: it is not there. */
static bool number(char **at, int base, char behind, uint64_t *out)
{
    char *end;
    *out = strtoul(*at, &end, base);
    bool ok = end != *at && *end == behind;
    *at = end + ok;
    return ok;
}

/* "7f0e4000-7f0e5000 rw-s 00000000 00:1a 4711      /dev/shm/..." */
static bool parse(char *text, struct line *l)
{
    uint64_t major, minor, inode;
    if (!number(&text, 16, '-', &l->start) || !number(&text, 16, ' ', &l->end) ||
        strnlen(text, 5) < 5 || text[4] != ' ')
        return false;
    memcpy(l->perms, text, 4);
    l->perms[4] = 0;
    text += 5;
    if (!number(&text, 16, ' ', &l->offset) || !number(&text, 16, ':', &major) ||
        !number(&text, 16, ' ', &minor))
        return false;
    char *end;
    inode = strtoul(text, &end, 10);
    if (end == text)
        return false;
    l->major = (unsigned)major;
    l->minor = (unsigned)minor;
    l->inode = inode;
    l->name = end + strspn(end, " ");
    return true;
}

/* True when the region is of this process, and not its parent's, which a forked child still has
 * mapped. */
static bool is_own(const struct ht_region_name *name, const struct ht_process_info *p)
{
    return name->pid == p->own_pid && ht_same_start(name->start_ticks, p->start_ticks);
}

/* The kernel appends a note to the name of a removed file. */
static bool names_region(const char *path, struct ht_region_name *name)
{
    char copy[64];
    const char *base = strrchr(path, '/');
    if (!base)
        return false;
    snprintf(copy, sizeof copy, "%s", base + 1);
    copy[strcspn(copy, " ")] = 0;
    return ht_region_name_parse(copy, name);
}

/* The same of any process. */
static bool names_some_region(const char *path)
{
    unsigned pid, number;
    unsigned long long ticks;
    const char *base = strrchr(path, '/');
    return base && sscanf(base, "/%u.%llu.%u", &pid, &ticks, &number) == 3;
}

/* Checks the header's first fields, because other data may begin like a region. */
static bool is_private_region(int mem, const struct line *l, const struct ht_process_info *p)
{
    struct ht_region_header h;
    uint64_t magic;
    if (l->end - l->start < HT_HEADER_SIZE || ht_read_at(mem, &magic, sizeof magic, l->start) ||
        magic != HT_REGION_MAGIC || ht_read_at(mem, &h, sizeof h, l->start))
        return false;
    return h.address == l->start && h.pid == (uint32_t)p->own_pid;
}

/* Where a region in private memory may begin. */
struct candidates {
    struct line *line;
    size_t n, room;
};

static void remember(struct candidates *c, const struct line *l)
{
    if (c->n == c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        struct line *more = reallocarray(c->line, room, sizeof *more);
        if (!more)
            return;
        c->line = more;
        c->room = room;
    }
    c->line[c->n++] = *l;
}

static void find_private(const struct ht_process_info *p, const struct candidates *c,
                         struct ht_process_map *out)
{
    int mem = ht_process_memory(p->thread);
    for (size_t i = 0; mem >= 0 && i < c->n && !out->address; i++)
        if (is_private_region(mem, &c->line[i], p))
            out->address = c->line[i].start;
    if (mem >= 0)
        close(mem);
}

int ht_process_find(const struct ht_process_info *p, struct ht_process_map *out)
{
    struct ht_proc_lines lines;
    *out = (struct ht_process_map){0};
    int err = ht_proc_lines_open(&lines, p->thread, "maps");
    if (err)
        return gone(err);
    struct candidates anonymous = {0};
    bool whole = false; /* it goes on to the last mapping that there is on most kernels */
    for (char *text; !out->address && (text = ht_proc_lines_next(&lines));) {
        struct line l;
        if (!parse(text, &l))
            continue;
        whole = !strcmp(l.name, "[vsyscall]");
        const char *base = strrchr(l.name, '/');
        if (base && !strncmp(base + 1, "libheaptap", 10))
            out->library = true;
        out->glibc |= base && (!strcmp(base, "/libc.so.6") || !strncmp(base, "/libc-2.", 8));
        struct ht_region_name name;
        bool region =
            l.inode && !l.offset && !strncmp(l.perms, "rw-s", 4) && names_region(l.name, &name);
        if (region && !is_own(&name, p)) {
            out->inherited = l.start;
        } else if (region) {
            out->address = l.start;
            out->device = makedev(l.major, l.minor);
            out->inode = l.inode;
            snprintf(out->path, sizeof out->path, "%s", l.name);
        } else if (!l.inode && !*l.name && !strncmp(l.perms, "rw-p", 4)) {
            remember(&anonymous, &l);
        } else if (l.inode && !l.offset && !strncmp(l.perms, "rw-s", 4) &&
                   names_some_region(l.name)) {
            out->parents = true;
        }
    }
    err = lines.err;
    ht_proc_lines_close(&lines);
    if (!err && !out->address && out->library)
        find_private(p, &anonymous, out);
    free(anonymous.line);
    /* One that is exiting has an empty map, or what was read before. */
    struct ht_process_info now;
    if (!err && !out->address && !whole && ht_process_read(p->pid, &now) == -ESRCH)
        err = -ESRCH;
    return err;
}

int ht_process_objects(const struct ht_process_info *p, void (*fn)(void *ctx, const char *path),
                       void *ctx)
{
    struct ht_proc_lines lines;
    struct line l;
    int err = ht_proc_lines_open(&lines, p->thread, "maps");
    if (err)
        return err;
    for (char *text; (text = ht_proc_lines_next(&lines));)
        if (parse(text, &l) && l.inode && !l.offset)
            fn(ctx, l.name);
    ht_proc_lines_close(&lines);
    return lines.err;
}

uint64_t ht_process_resident(pid_t pid)
{
    char path[64], text[128];
    unsigned long pages;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return sscanf(text, "%*u %lu", &pages) == 1 ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}
