/* SPDX-License-Identifier: MIT */
/*
 * Opens a region by PID or by path. A living process's mapping is found in its memory map and
 * read through its file, or, if that is gone or private, through /proc/PID/mem.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "snapshot/copy.h"
#include "snapshot/directory.h"
#include "snapshot/process.h"
#include "snapshot/reader.h"
#include "snapshot/region.h"
#include "snapshot/window.h"
#include "util/open.h"

static int say(char *msg, size_t size, int err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int say(char *msg, size_t size, int err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(msg, size, format, args);
    va_end(args);
    return err;
}

bool ht_region_is_pid(const char *word, pid_t *pid)
{
    size_t n = strlen(word);
    if (!n || n > 9 || strspn(word, "0123456789") != n)
        return false;
    *pid = (pid_t)atol(word);
    return *pid > 0;
}

bool ht_region_is_file(const char *path)
{
    uint64_t magic = 0;
    int fd = ht_open_regular(path);
    if (fd < 0)
        return false;
    /* Also a region of another byte order, which is then refused as such. */
    bool is = !ht_read_at(fd, &magic, sizeof magic, 0) &&
              (magic == HT_REGION_MAGIC || magic == __builtin_bswap64(HT_REGION_MAGIC));
    close(fd);
    return is;
}

/*
 * The file of a living process's region, by its name in the process's root. The root may be a
 * container's, made to lead elsewhere: no links are followed and nothing outside that root is
 * reached.
 */
int ht_process_region_file(const struct ht_process_info *p, const struct ht_process_map *map)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root", (int)p->thread);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    int fd = ht_open_below(root, map->path, O_RDONLY | O_NONBLOCK);
    int err = fd < 0 ? -errno : 0;
    close(root);
    if (err)
        return err;
    struct stat st;
    /* Checks that it is the mapped file, and not one that replaced it. */
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != map->inode) {
        close(fd);
        return -ESTALE;
    }
    return fd;
}

int ht_region_file_of(pid_t pid)
{
    struct ht_process_info p;
    struct ht_process_map map;
    int err = ht_process_read(pid, &p);
    if (!err)
        err = ht_process_find(&p, &map);
    return err ? err : map.address && map.inode ? ht_process_region_file(&p, &map) : -ENOENT;
}

static void put_name(struct ht_region_header *h, const struct ht_process_info *p)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)p->thread);
    FILE *f = fopen(path, "re");
    if (f && fgets(h->name, sizeof h->name, f))
        h->name[strcspn(h->name, "\n")] = 0;
    if (f)
        fclose(f);
}

static int no_region(struct ht_region *r, const struct ht_process_info *p, char *msg, size_t size)
{
    /* A forked child makes its region at its first sample; before that an empty profile is
     * right. */
    struct ht_region_header *h =
        mmap(NULL, HT_HEADER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (h == MAP_FAILED)
        return say(msg, size, -errno, "out of memory");
    h->magic = HT_REGION_MAGIC;
    h->version = HT_LAYOUT_VERSION;
    h->header_size = HT_HEADER_SIZE;
    h->chunk_size = HT_CHUNK_SIZE;
    h->size = HT_HEADER_SIZE;
    h->pid = (uint32_t)p->own_pid;
    h->uid = (uint32_t)p->uid;
    put_name(h, p);
    h->checksum = ht_fnv1a(h, offsetof(struct ht_region_header, checksum));
    atomic_store(&h->rate, 512 * 1024);
    r->copy = h;
    r->copy_size = HT_HEADER_SIZE;
    r->fresh = true;
    return ht_view_init(&r->view, h, HT_HEADER_SIZE, msg, size);
}

#define MAKING_LOOKS 100 /* 10 ms apart */

/* A process maps its region, fills in the header, and then stores the state. */
static bool is_being_made(const struct ht_region_origin *from)
{
    const struct ht_region_reader reader = {.from = *from};
    uint32_t state = 0;
    return !ht_reader_bytes(&reader, &state, sizeof state,
                            offsetof(struct ht_region_header, state)) &&
           !state;
}

/* Copies the region of a living process. may_wait: waits for one that is being made. */
static int copy_living(struct ht_region *r, const struct ht_region_origin *from, uint32_t kinds,
                       bool may_wait, char *why, size_t size)
{
    int err = ht_region_copy(r, from, kinds, why, size);
    for (int i = 0; err == -EINVAL && may_wait && is_being_made(from); i++) {
        if (i == MAKING_LOOKS)
            return say(why, size, err, "it is still being made (try again)");
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        err = ht_region_copy(r, from, kinds, why, size);
    }
    return err;
}

static int open_living(struct ht_region *r, const struct ht_process_info *p, uint32_t kinds,
                       const struct ht_process_map *known, char *msg, size_t size)
{
    struct ht_process_map map;
    char why[200] = "";
    int pid = (int)p->pid, err = 0;
    if (known)
        map = *known;
    else
        err = ht_process_find(p, &map);
    r->alive = true;
    r->pid = p->pid;
    r->thread = p->thread;
    r->state = p->state;
    r->threads = p->threads;
    if (err == -ESRCH)
        return say(msg, size, err, "process %d has just ended", pid);
    /* the process may not be inspected; its file may be readable, when it gave up privileges */
    if (err) {
        struct ht_region_name name = {.pid = p->own_pid, .start_ticks = p->start_ticks};
        int fd = ht_region_directory_find(&name, r->path, sizeof r->path);
        if (fd < 0)
            return say(msg, size, err, "cannot look into process %d: %s (%s)", pid, strerror(-err),
                       geteuid() ? "it is another user's or has changed user: try as root"
                                 : "this root lacks CAP_SYS_PTRACE for it, as in a container: try "
                                   "outside of it");
        struct ht_region_origin from = {.file = fd, .memory = -1};
        err = ht_region_copy(r, &from, kinds, why, sizeof why);
        close(fd);
    } else if (!map.address && map.library && p->filtered && !map.parents) {
        return say(msg, size, -ENOENT,
                   "process %d is not profiled: it was started under a seccomp "
                   "filter (HEAPTAP_SECCOMP=trust says that it is safe there)",
                   pid);
    } else if (!map.address && map.library) {
        return no_region(r, p, msg, size);
    } else if (!map.address) {
        return say(msg, size, -ENOENT,
                   "process %d is not profiled (start it with heaptap run, or "
                   "LD_PRELOAD=libheaptap.so; heaptap doctor %d says why)",
                   pid, pid);
    } else {
        struct ht_region_origin from = {.file = -1, .address = map.address};
        if (map.inode && (from.file = ht_process_region_file(p, &map)) >= 0)
            snprintf(r->path, sizeof r->path, "%s", map.path);
        /* Also for a region in a file, because it may go on in private memory, but for the header,
         * which begins it. */
        from.memory = kinds == HT_COPY_HEADER && from.file >= 0 ? -1 : ht_process_memory(p->thread);
        if (from.file < 0 && from.memory < 0) {
            return say(msg, size, from.memory,
                       "cannot read the memory of process %d: %s (try as "
                       "root)",
                       pid, strerror(-from.memory));
        }
        err = copy_living(r, &from, kinds, !known, why, sizeof why);
        if (from.file >= 0)
            close(from.file);
        if (from.memory >= 0)
            close(from.memory);
    }
    return err ? say(msg, size, err, "cannot read the region of process %d: %s", pid, why) : 0;
}

static int open_dead(struct ht_region *r, pid_t pid, uint32_t kinds, char *msg, size_t size)
{
    struct ht_region_name name = {.pid = pid};
    char why[200];
    int fd = ht_region_directory_find(&name, r->path, sizeof r->path);
    if (fd < 0)
        return say(msg, size, -ESRCH, "there is no process %d, and no region that it left",
                   (int)pid);
    struct ht_region_origin from = {.file = fd, .memory = -1};
    int err = ht_region_copy(r, &from, kinds, why, sizeof why);
    close(fd);
    return err ? say(msg, size, err, "cannot read %s: %s", r->path, why) : 0;
}

static int open_pid(struct ht_region *r, pid_t pid, uint32_t kinds, char *msg, size_t msg_size)
{
    struct ht_process_info p;
    *r = (struct ht_region){0};
    int err = ht_process_read(pid, &p);
    if (!err) {
        int failed = open_living(r, &p, kinds, NULL, msg, msg_size);
        if (!failed || (err = ht_process_read(pid, &p)) != -ESRCH)
            return failed;
        ht_region_close(r); /* it ended meanwhile */
    }
    if (err == -ESRCH)
        return open_dead(r, pid, kinds, msg, msg_size);
    return say(msg, msg_size, err, "cannot look at process %d: %s", (int)pid, strerror(-err));
}

int ht_region_open_pid(struct ht_region *r, pid_t pid, char *msg, size_t msg_size)
{
    return open_pid(r, pid, HT_COPY_ALL, msg, msg_size);
}

/*
 * The living process of a region file, by its pid here. After an exec the process has another
 * region: the old image's has its pid and start time, too.
 */
static void find_living(struct ht_region *r, int fd)
{
    const struct ht_region_header *h = r->view.header;
    struct ht_process_info p;
    struct ht_process_map map;
    struct stat st;
    if (!h->start_ticks || ht_process_read((pid_t)h->pid, &p) ||
        !ht_same_start(p.start_ticks, h->start_ticks))
        return;
    int err = ht_process_find(&p, &map);
    if (err == -ESRCH || (!err && !fstat(fd, &st) && map.inode != st.st_ino))
        return;
    r->alive = true;
    r->pid = p.pid;
    r->thread = p.thread;
    r->state = p.state;
    r->threads = p.threads;
}

static int open_fd(struct ht_region *r, int fd, const char *path, uint32_t kinds, char *msg,
                   size_t size)
{
    char why[200];
    struct ht_region head = {0};
    struct ht_region_origin from = {.file = fd, .memory = -1};
    int err = ht_region_copy(&head, &from, HT_COPY_HEADER, why, sizeof why);
    if (!err) {
        find_living(&head, fd);
        *r = head;
        if (kinds) {
            if (head.alive && atomic_load(&head.view.header->private_from)) {
                from.memory = ht_process_memory(head.thread);
                from.address = head.view.header->address;
            }
            err = ht_region_copy(r, &from, kinds, why, sizeof why);
            ht_region_close(&head);
            if (from.memory >= 0)
                close(from.memory);
        }
        snprintf(r->path, sizeof r->path, "%s", path);
    }
    return err ? say(msg, size, err, "cannot read %s: %s", path, why) : 0;
}

int ht_region_open_header(struct ht_region *r, int fd, const char *path, char *msg, size_t msg_size)
{
    *r = (struct ht_region){0};
    return open_fd(r, fd, path, HT_COPY_HEADER, msg, msg_size);
}

int ht_region_open_fd(struct ht_region *r, int fd, const char *path, uint32_t kinds, char *msg,
                      size_t msg_size)
{
    *r = (struct ht_region){0};
    return open_fd(r, fd, path, kinds, msg, msg_size);
}

int ht_region_open_process(struct ht_region *r, const struct ht_process_info *p,
                           const struct ht_process_map *map, uint32_t kinds, char *msg,
                           size_t msg_size)
{
    *r = (struct ht_region){0};
    return open_living(r, p, kinds, map, msg, msg_size);
}

static int open_path(struct ht_region *r, const char *path, uint32_t kinds, char *msg,
                     size_t msg_size)
{
    *r = (struct ht_region){0};
    int fd = ht_open_regular(path);
    if (fd < 0)
        return say(msg, msg_size, fd, "cannot read %s: %s", path,
                   fd == -EINVAL ? "not a regular file" : strerror(-fd));
    int err = open_fd(r, fd, path, kinds, msg, msg_size);
    close(fd);
    return err;
}

int ht_region_open_path(struct ht_region *r, const char *path, char *msg, size_t msg_size)
{
    return open_path(r, path, HT_COPY_ALL, msg, msg_size);
}

int ht_region_open(struct ht_region *r, const char *word, char *msg, size_t msg_size)
{
    pid_t pid;
    return ht_region_is_pid(word, &pid) ? ht_region_open_pid(r, pid, msg, msg_size)
                                        : ht_region_open_path(r, word, msg, msg_size);
}

int ht_region_open_to_read(struct ht_region *r, const char *word, char *msg, size_t msg_size)
{
    pid_t pid;
    return ht_region_is_pid(word, &pid) ? open_pid(r, pid, HT_COPY_AS_NEEDED, msg, msg_size)
                                        : open_path(r, word, HT_COPY_AS_NEEDED, msg, msg_size);
}

void ht_region_close(struct ht_region *r)
{
    ht_region_window_close(r->window);
    if (r->on_heap)
        free(r->copy);
    else if (r->copy)
        munmap(r->copy, r->copy_size);
    *r = (struct ht_region){0};
}
