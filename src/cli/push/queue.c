/* SPDX-License-Identifier: MIT */
/* The queue: a list whose items are in memory or in a file that is named by the item's number. */
#include "config.h"

#include "cli/push/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct item {
    struct item *next;
    uint64_t number;
    void *data; /* NULL: in the file */
    size_t size;
    bool taken;
};

struct ht_queue {
    pthread_mutex_t lock; /* all that follows but dir and limit */
    struct item *first, **end;
    uint64_t next_number, memory, disk; /* disk: bytes of files */
    bool away;
    struct ht_queue_counts counts;
    int dir; /* -1: none */
    uint64_t limit;
};

#define NAME_SIZE 32

static void file_name(uint64_t number, const char *end, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%020llu.%s", (unsigned long long)number, end);
}

static void append(struct ht_queue *q, struct item *i)
{
    i->next = NULL;
    *q->end = i;
    q->end = &i->next;
    q->counts.items++;
    q->counts.bytes += i->size;
    *(i->data ? &q->memory : &q->disk) += i->size;
}

/* Takes *at out of the list, and its file away. */
static void drop(struct ht_queue *q, struct item **at)
{
    struct item *i = *at;
    char name[NAME_SIZE];
    *at = i->next;
    if (q->end == &i->next)
        q->end = at;
    q->counts.items--;
    q->counts.bytes -= i->size;
    *(i->data ? &q->memory : &q->disk) -= i->size;
    if (!i->data) {
        file_name(i->number, "push", name);
        unlinkat(q->dir, name, 0);
    }
    free(i->data);
    free(i);
}

static void count_dropped(struct ht_queue *q, size_t size)
{
    q->counts.dropped++;
    q->counts.dropped_bytes += size;
}

/* Drops the oldest of those in memory, or on disk, until there is room for `size` more. */
static void make_room(struct ht_queue *q, bool memory, uint64_t size)
{
    uint64_t limit = memory ? HT_QUEUE_MEMORY : q->limit;
    for (struct item **at = &q->first; *at && (memory ? q->memory : q->disk) + size > limit;) {
        if ((*at)->taken || !!(*at)->data != memory) {
            at = &(*at)->next;
        } else {
            count_dropped(q, (*at)->size);
            drop(q, at);
        }
    }
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

/* Under another name first, so that a file is whole or not there. */
static bool write_file(struct ht_queue *q, uint64_t number, const void *data, size_t size)
{
    char name[NAME_SIZE], temporary[NAME_SIZE];
    file_name(number, "push", name);
    file_name(number, "new", temporary);
    int fd = openat(q->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write_all(fd, data, size);
    if (fd >= 0 && close(fd))
        written = false;
    written = written && !renameat(q->dir, temporary, q->dir, name);
    if (!written) {
        q->counts.buffer_errors++;
        if (fd >= 0)
            unlinkat(q->dir, temporary, 0);
    }
    return written;
}

static bool to_disk(struct ht_queue *q, uint64_t number, const void *data, size_t size)
{
    if (q->dir < 0 || size > q->limit)
        return false;
    make_room(q, false, size);
    return q->disk + size <= q->limit && write_file(q, number, data, size);
}

static void move_to_disk(struct ht_queue *q)
{
    for (struct item *i = q->first; i && q->dir >= 0; i = i->next)
        if (i->data && to_disk(q, i->number, i->data, i->size)) {
            q->memory -= i->size;
            q->disk += i->size;
            free(i->data);
            i->data = NULL;
        }
}

/* Reads the item's file; NULL with errno. */
static void *read_file(struct ht_queue *q, const struct item *i)
{
    char name[NAME_SIZE];
    struct stat st;
    file_name(i->number, "push", name);
    char *data = malloc(i->size + 1);
    int fd = openat(q->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    size_t have = 0;
    bool good =
        data && fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size == (off_t)i->size;
    while (good && have < i->size) {
        ssize_t n = read(fd, data + have, i->size - have);
        good = n > 0 || (n < 0 && errno == EINTR);
        have += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    if (!good) {
        free(data);
        data = NULL;
    }
    return data;
}

/* Frees data. */
static void add_locked(struct ht_queue *q, void *data, size_t size)
{
    struct item *i = size <= HT_QUEUE_ITEM ? calloc(1, sizeof *i) : NULL;
    if (!i)
        goto no_room;
    i->number = q->next_number++;
    i->size = size;
    bool full = q->memory + size > HT_QUEUE_MEMORY;
    if ((q->away || full) && to_disk(q, i->number, data, size)) {
        free(data);
        append(q, i);
        return;
    }
    make_room(q, true, size);
    if (q->memory + size > HT_QUEUE_MEMORY)
        goto no_room;
    i->data = data;
    append(q, i);
    return;
no_room:
    count_dropped(q, size);
    free(data);
    free(i);
}

void ht_queue_add(struct ht_queue *q, void *data, size_t size)
{
    pthread_mutex_lock(&q->lock);
    add_locked(q, data, size);
    pthread_mutex_unlock(&q->lock);
}

int ht_queue_take(struct ht_queue *q, void **data, size_t *size, uint64_t *number)
{
    int err = -ENOENT;
    pthread_mutex_lock(&q->lock);
    for (struct item **at = &q->first; *at && err == -ENOENT;) {
        struct item *i = *at;
        if (i->taken) {
            at = &i->next;
            continue;
        }
        *data = i->data ? malloc(i->size + 1) : read_file(q, i);
        if (*data) {
            if (i->data)
                memcpy(*data, i->data, i->size);
            *size = i->size;
            *number = i->number;
            i->taken = true;
            err = 0;
        } else if (errno == ENOMEM) {
            err = -ENOMEM;
        } else { /* somebody changed or removed the file */
            q->counts.buffer_errors++;
            count_dropped(q, i->size);
            drop(q, at);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return err;
}

static struct item **find(struct ht_queue *q, uint64_t number)
{
    struct item **at = &q->first;
    while (*at && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

void ht_queue_give_back(struct ht_queue *q, uint64_t number)
{
    pthread_mutex_lock(&q->lock);
    struct item *i = *find(q, number);
    if (i)
        i->taken = false;
    pthread_mutex_unlock(&q->lock);
}

void ht_queue_done(struct ht_queue *q, uint64_t number)
{
    pthread_mutex_lock(&q->lock);
    struct item **at = find(q, number);
    if (*at)
        drop(q, at);
    pthread_mutex_unlock(&q->lock);
}

void ht_queue_away(struct ht_queue *q, bool away)
{
    pthread_mutex_lock(&q->lock);
    q->away = away;
    if (away)
        move_to_disk(q);
    pthread_mutex_unlock(&q->lock);
}

void ht_queue_count(struct ht_queue *q, struct ht_queue_counts *counts)
{
    pthread_mutex_lock(&q->lock);
    *counts = q->counts;
    pthread_mutex_unlock(&q->lock);
}

/* 1: a file of ours, 0: another's, or not whole. */
static int is_ours(const struct dirent *e)
{
    return strspn(e->d_name, "0123456789") == 20 && !strcmp(e->d_name + 20, ".push");
}

static bool is_unfinished(const char *name)
{
    return strspn(name, "0123456789") == 20 && !strcmp(name + 20, ".new");
}

/* What an earlier server could not send. */
static void find_files(struct ht_queue *q)
{
    struct dirent **list = NULL, *e;
    DIR *d = fdopendir(dup(q->dir));
    while (d && (e = readdir(d)))
        if (is_unfinished(e->d_name))
            unlinkat(q->dir, e->d_name, 0);
    if (d)
        closedir(d);
    int n = scandirat(q->dir, ".", &list, is_ours, alphasort);
    for (int i = 0; i < n; i++) {
        struct stat st;
        struct item *item = calloc(1, sizeof *item);
        if (item && !fstatat(q->dir, list[i]->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
            S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= (off_t)HT_QUEUE_ITEM) {
            item->number = strtoull(list[i]->d_name, NULL, 10);
            item->size = (size_t)st.st_size;
            if (item->number >= q->next_number)
                q->next_number = item->number + 1;
            append(q, item);
        } else {
            free(item);
        }
        free(list[i]);
    }
    free(list);
    make_room(q, false, 0);
}

static int open_directory(const char *path, char *msg, size_t msg_size)
{
    struct stat st;
    const char *why = NULL;
    if (mkdir(path, 0700) && errno != EEXIST) {
        snprintf(msg, msg_size, "cannot make %s: %s", path, strerror(errno));
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        why = strerror(errno);
    else if (fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 022))
        why = "it must be this user's, and not writable for others";
    else if (flock(fd, LOCK_EX | LOCK_NB))
        why = "another heaptap serve uses it";
    if (!why)
        return fd;
    snprintf(msg, msg_size, "cannot use %s as a buffer: %s", path, why);
    if (fd >= 0)
        close(fd);
    return -1;
}

struct ht_queue *ht_queue_create(const char *directory, uint64_t limit, char *msg, size_t msg_size)
{
    struct timespec now;
    struct ht_queue *q = calloc(1, sizeof *q);
    if (!q) {
        snprintf(msg, msg_size, "out of memory");
        return NULL;
    }
    q->dir = -1;
    if (directory && (q->dir = open_directory(directory, msg, msg_size)) < 0) {
        free(q);
        return NULL;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    q->next_number = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    q->end = &q->first;
    q->limit = limit;
    pthread_mutex_init(&q->lock, NULL);
    if (q->dir >= 0)
        find_files(q);
    return q;
}

void ht_queue_destroy(struct ht_queue *q)
{
    if (!q)
        return;
    for (struct item *i = q->first, *next; i; i = next) {
        next = i->next;
        free(i->data);
        free(i);
    }
    if (q->dir >= 0)
        close(q->dir);
    pthread_mutex_destroy(&q->lock);
    free(q);
}
