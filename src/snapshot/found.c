/* SPDX-License-Identifier: MIT */
/* A hash table by pid. A region that was found stays where it is as long as the image lives; where
 * one may still come (the library is there, and no region), nothing is kept. Nor where addresses
 * are not random: there an image is not told from the next one. */
#include "config.h"

#include "snapshot/found.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <time.h>
#include <unistd.h>

#include "snapshot/title.h"
#include "util/hash.h"

struct entry {
    struct entry *next; /* of its bucket */
    struct ht_process_info process;
    uint64_t address, device, inode; /* as in struct ht_process_map */
    char *path;                      /* the same; NULL: there is no library */
    time_t first, looked;            /* when the image was first seen, when its map was read */
    uint64_t used;                   /* the list in which it was asked for last */
};

struct ht_finds {
    pthread_mutex_t lock; /* all below */
    struct entry **bucket;
    size_t n_buckets; /* a power of two, or 0 */
    size_t n;
    uint64_t lists; /* that are complete */
};

struct ht_finds *ht_found_new(void)
{
    struct ht_finds *f = calloc(1, sizeof *f);
    if (f)
        pthread_mutex_init(&f->lock, NULL);
    return f;
}

static void drop(struct ht_finds *f, struct entry **at)
{
    struct entry *e = *at;
    *at = e->next;
    f->n--;
    free(e->path);
    free(e);
}

void ht_found_free(struct ht_finds *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_buckets; i++)
        while (f->bucket[i])
            drop(f, &f->bucket[i]);
    free(f->bucket);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static time_t now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Where the entry of that pid is, or a new one would be. */
static struct entry **place_of(struct ht_finds *f, pid_t pid)
{
    struct entry **at = &f->bucket[(uint64_t)pid * HT_GOLDEN_RATIO >> 32 & (f->n_buckets - 1)];
    while (*at && (*at)->process.pid != pid)
        at = &(*at)->next;
    return at;
}

static bool widen(struct ht_finds *f)
{
    size_t n = f->n_buckets ? f->n_buckets * 2 : 64;
    struct entry **old = f->bucket, **more = calloc(n, sizeof *more);
    if (!more)
        return false;
    const size_t had = f->n_buckets;
    f->bucket = more;
    f->n_buckets = n;
    for (size_t i = 0; i < had; i++)
        for (struct entry *e = old[i], *next; e; e = next) {
            struct entry **at = place_of(f, e->process.pid);
            next = e->next;
            e->next = NULL;
            *at = e;
        }
    free(old);
    return true;
}

static bool same_image(const struct ht_process_info *a, const struct ht_process_info *b)
{
    return a->image && a->image == b->image && a->start_ticks == b->start_ticks &&
           a->thread == b->thread;
}

/* What is kept of a process, if that is to be believed. p: what its stat file says. */
static bool recall(struct ht_finds *f, struct ht_process_info *p, struct ht_process_map *map)
{
    bool known = false;
    pthread_mutex_lock(&f->lock);
    struct entry *e = f->n_buckets ? *place_of(f, p->pid) : NULL;
    if (e && same_image(&e->process, p)) {
        e->used = f->lists;
        known = e->path || (e->looked >= e->first + HT_FOUND_SETTLED &&
                            now_seconds() < e->looked + HT_FOUND_AGAIN);
    }
    if (known) {
        *map = (struct ht_process_map){.library = e->path != NULL,
                                       .address = e->address,
                                       .device = e->device,
                                       .inode = e->inode};
        snprintf(map->path, sizeof map->path, "%s", e->path ? e->path : "");
        p->own_pid = e->process.own_pid;
        p->uid = e->process.uid;
        p->filtered = e->process.filtered;
    }
    pthread_mutex_unlock(&f->lock);
    return known;
}

/* An entry for that process, with its earlier first moment if it is of this image. */
static struct entry *entry_for(struct ht_finds *f, const struct ht_process_info *p)
{
    if (f->n >= f->n_buckets && f->n_buckets < HT_FOUND_MOST && !widen(f) && !f->n_buckets)
        return NULL;
    struct entry **at = place_of(f, p->pid), *e = *at;
    if (!e && f->n < HT_FOUND_MOST && (e = calloc(1, sizeof *e))) {
        *at = e;
        f->n++;
    }
    if (e && !same_image(&e->process, p))
        e->first = now_seconds();
    return e;
}

/* Whether the kernel chooses the addresses of a program's parts at random. */
static bool at_random(pid_t pid)
{
    char text[32];
    if (!ht_process_text(pid, "personality", text, sizeof text) ||
        strtoul(text, NULL, 16) & ADDR_NO_RANDOMIZE)
        return false;
    int fd = open("/proc/sys/kernel/randomize_va_space", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, 1) : -1;
    if (fd >= 0)
        close(fd);
    return n == 1 && *text != '0';
}

static void keep(struct ht_finds *f, const struct ht_process_info *p,
                 const struct ht_process_map *map)
{
    char *path = map->address ? strdup(map->path) : NULL;
    if (map->address && !path)
        return;
    pthread_mutex_lock(&f->lock);
    struct entry *e = entry_for(f, p);
    if (e) {
        free(e->path);
        e->path = path;
        e->process = *p;
        e->address = map->address;
        e->device = map->device;
        e->inode = map->inode;
        e->looked = now_seconds();
        e->used = f->lists;
    } else {
        free(path);
    }
    pthread_mutex_unlock(&f->lock);
}

int ht_found_look(struct ht_finds *f, pid_t pid, struct ht_process_info *p,
                  struct ht_process_map *map, bool *kept)
{
    *kept = false;
    int err = ht_process_read_stat(pid, p);
    if (err || p->kernel)
        return err ? err : -ESRCH;
    *kept = f && recall(f, p, map);
    if (!*kept && (err = ht_process_read_status(p)))
        return err;
    if (geteuid() && p->uid != geteuid())
        return -EACCES;
    if (*kept)
        return 0;
    err = ht_process_find(p, map);
    bool settled = map->address || (!map->library && !map->inherited && !map->parents);
    if (!err && f && p->image && settled && at_random(pid))
        keep(f, p, map);
    return err;
}

void ht_found_forget(struct ht_finds *f, pid_t pid)
{
    pthread_mutex_lock(&f->lock);
    struct entry **at = f->n_buckets ? place_of(f, pid) : NULL;
    if (at && *at)
        drop(f, at);
    pthread_mutex_unlock(&f->lock);
}

void ht_found_sweep(struct ht_finds *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_buckets; i++)
        for (struct entry **at = &f->bucket[i]; *at;) {
            if ((*at)->used + 1 < f->lists)
                drop(f, at);
            else
                at = &(*at)->next;
        }
    f->lists++;
    pthread_mutex_unlock(&f->lock);
}
