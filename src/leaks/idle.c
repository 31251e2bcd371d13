/* SPDX-License-Identifier: MIT */
/*
 * page_idle/bitmap has a bit for each page frame. The command sets it, and the kernel clears it
 * when the page is touched. /proc/PID/pagemap has the frame of each page of a process. For a huge
 * page the bit of its first frame counts. A page in swap has not been touched since it was swapped
 * out.
 */
#include "config.h"

#include "leaks/idle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE       4096u
#define HUGE       512u /* frames of a huge page */
#define PRESENT    (1ull << 63)
#define SWAPPED    (1ull << 62)
#define SOFT_DIRTY (1ull << 55)
#define FRAME      ((1ull << 55) - 1)
#define FLAG_HEAD  (1ull << 15) /* of /proc/kpageflags */
#define FLAG_TAIL  (1ull << 16)
#define BATCH      512u
#define BLOCK_MAX  (1ull << 30) /* larger blocks are not watched */
#define PAGES_MAX  (1u << 25)

static int open_below(const char *root, const char *path, int flags)
{
    char name[4200];
    int n = snprintf(name, sizeof name, "%s%s", root, path);
    int fd = n < (int)sizeof name ? open(name, flags | O_CLOEXEC) : -1;
    return fd >= 0 ? fd : n < (int)sizeof name ? -errno : -ENAMETOOLONG;
}

static bool read_word(int fd, uint64_t index, uint64_t *word)
{
    return pread(fd, word, sizeof *word, (off_t)(index * 8)) == sizeof *word;
}

/* Whether this kernel keeps soft-dirty bits: a page that was just written must have one. */
static bool has_soft_dirty(const char *root)
{
    uint64_t entry = 0;
    char path[64];
    if (*root)
        return true;
    unsigned char *page =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    *(volatile unsigned char *)page = 1;
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)getpid());
    int fd = open_below("", path, O_RDONLY);
    bool is = fd >= 0 && read_word(fd, (uint64_t)page / PAGE, &entry) && (entry & SOFT_DIRTY);
    if (fd >= 0)
        close(fd);
    munmap(page, PAGE);
    return is;
}

static int begin_writes(struct ht_idle *d, const char *root, pid_t pid, char *msg, size_t size)
{
    char path[64];
    if (!has_soft_dirty(root)) {
        snprintf(msg, size,
                 "this kernel keeps no soft-dirty bits (CONFIG_MEM_SOFT_DIRTY): it cannot "
                 "tell what was not written to");
        return -ENOSYS;
    }
    snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
    d->clear = open_below(root, path, O_WRONLY);
    if (d->clear >= 0)
        return 0;
    snprintf(msg, size, "cannot open %s: %s", path, strerror(-d->clear));
    return d->clear == -EACCES ? -EPERM : d->clear;
}

static int begin_touches(struct ht_idle *d, const char *root, char *msg, size_t size)
{
    static const char bitmap[] = "/sys/kernel/mm/page_idle/bitmap", flags[] = "/proc/kpageflags";
    d->bitmap = open_below(root, bitmap, O_RDWR);
    if (d->bitmap == -ENOENT) {
        snprintf(msg, size,
                 "this kernel has no %s (CONFIG_IDLE_PAGE_TRACKING): it cannot tell what "
                 "was not touched",
                 bitmap);
        return -ENOSYS;
    }
    d->flags = d->bitmap < 0 ? -1 : open_below(root, flags, O_RDONLY);
    if (d->bitmap >= 0 && d->flags >= 0)
        return 0;
    int err = d->bitmap < 0 ? d->bitmap : d->flags;
    snprintf(msg, size, "cannot open %s: %s%s", d->bitmap < 0 ? bitmap : flags, strerror(-err),
             err == -EACCES || err == -EPERM ? "; only root can tell what was not touched" : "");
    return err == -EACCES ? -EPERM : err;
}

int ht_idle_begin(struct ht_idle *d, const char *root, pid_t pid, bool writes, char *msg,
                  size_t msg_size)
{
    char path[64];
    *d = (struct ht_idle){.pagemap = -1, .bitmap = -1, .flags = -1, .clear = -1, .writes = writes};
    int err =
        writes ? begin_writes(d, root, pid, msg, msg_size) : begin_touches(d, root, msg, msg_size);
    if (err)
        return err;
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    d->pagemap = open_below(root, path, O_RDONLY);
    if (d->pagemap >= 0)
        return 0;
    snprintf(msg, msg_size, "cannot open %s: %s", path, strerror(-d->pagemap));
    return d->pagemap == -ENOENT ? -ESRCH : d->pagemap;
}

void ht_idle_end(struct ht_idle *d)
{
    const int files[] = {d->pagemap, d->bitmap, d->flags, d->clear};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0)
            close(files[i]);
    free(d->page);
    *d = (struct ht_idle){.pagemap = -1, .bitmap = -1, .flags = -1, .clear = -1};
}

/* --- pages --------------------------------------------------------------------------------------
 */

/* The frame whose bit stands for a page; 0: there is none. */
static uint64_t frame_of(const struct ht_idle *d, uint64_t entry)
{
    uint64_t frame = entry & FRAME, first = frame & ~(uint64_t)(HUGE - 1), flags;
    if (!(entry & PRESENT) || !frame || !read_word(d->flags, frame, &flags))
        return 0;
    if (!(flags & FLAG_TAIL))
        return frame;
    return read_word(d->flags, first, &flags) && (flags & FLAG_HEAD) ? first : 0;
}

static int add_page(struct ht_idle *d, uint64_t at, size_t *room)
{
    if (d->n && d->page[d->n - 1].at >= at)
        return 0;
    if (d->n == PAGES_MAX)
        return -E2BIG;
    if (d->n == *room) {
        *room = *room ? 2 * *room : 1024;
        struct ht_idle_page *more = reallocarray(d->page, *room, sizeof *more);
        if (!more)
            return -ENOMEM;
        d->page = more;
    }
    d->page[d->n++] = (struct ht_idle_page){.at = at};
    return 0;
}

/* Lists the pages of all blocks, each once. */
static int collect(struct ht_idle *d, const struct ht_leak_block *block, size_t n)
{
    size_t room = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t end = block[i].addr + (block[i].size ? block[i].size : 1);
        uint64_t first = block[i].addr & ~(uint64_t)(PAGE - 1);
        for (uint64_t at = first; block[i].size <= BLOCK_MAX && at < end; at += PAGE) {
            int err = add_page(d, at, &room);
            if (err)
                return err;
        }
    }
    return 0;
}

/* Calls fn with the pagemap entry of each page. Entries are read in large parts. */
static int each_page(struct ht_idle *d,
                     int (*fn)(struct ht_idle *d, struct ht_idle_page *p, uint64_t entry))
{
    uint64_t entries[BATCH];
    for (size_t i = 0; i < d->n;) {
        uint64_t first = d->page[i].at / PAGE;
        size_t k = i;
        while (k < d->n && d->page[k].at / PAGE - first < BATCH)
            k++;
        size_t want = d->page[k - 1].at / PAGE - first + 1;
        ssize_t got = pread(d->pagemap, entries, want * 8, (off_t)(first * 8));
        if (got <= 0)
            return got < 0 ? -errno : -ESRCH;
        for (; i < k; i++) {
            size_t index = d->page[i].at / PAGE - first;
            int err = index < (size_t)got / 8 ? fn(d, &d->page[i], entries[index]) : 0;
            if (err)
                return err;
        }
    }
    return 0;
}

static int mark(struct ht_idle *d, struct ht_idle_page *p, uint64_t entry)
{
    p->swapped = entry & SWAPPED;
    if (d->writes) {
        p->frame = (entry & (PRESENT | SWAPPED)) != 0;
        return 0;
    }
    p->frame = frame_of(d, entry);
    uint64_t bit = 1ull << (p->frame % 64);
    /* Writing a 0 leaves a bit as it is. */
    if (p->frame && pwrite(d->bitmap, &bit, sizeof bit, (off_t)(p->frame / 64 * 8)) != sizeof bit)
        p->frame = 0;
    return 0;
}

/* Sets the frame of a page that was touched to 0. */
static int look(struct ht_idle *d, struct ht_idle_page *p, uint64_t entry)
{
    uint64_t bits, frame;
    if (d->writes) {
        p->frame = p->frame && !(entry & SOFT_DIRTY);
        return 0;
    }
    if (p->swapped) {
        p->frame = (entry & SWAPPED) != 0;
        return 0;
    }
    frame = frame_of(d, entry);
    if (!p->frame || frame != p->frame)
        p->frame = p->frame && (entry & SWAPPED);
    else if (!read_word(d->bitmap, frame / 64, &bits) || !(bits >> (frame % 64) & 1))
        p->frame = 0;
    return 0;
}

int ht_idle_mark(struct ht_idle *d, const struct ht_leak_block *block, size_t n)
{
    int err = collect(d, block, n);
    if (!err && d->writes && write(d->clear, "4", 1) != 1)
        err = -errno;
    return err ? err : each_page(d, mark);
}

/* Notes whether the page has memory: a page that never was touched says nothing about its block. */
static int only_there(struct ht_idle *d, struct ht_idle_page *p, uint64_t entry)
{
    (void)d;
    p->swapped = !(entry & (PRESENT | SWAPPED)); /* absent */
    return 0;
}

int ht_idle_read(struct ht_idle *d, struct ht_leak_block *block, size_t n)
{
    int err = each_page(d, look);
    if (!err)
        err = each_page(d, only_there);
    size_t first = 0;
    for (size_t i = 0; i < n && !err; i++) {
        uint64_t start = block[i].addr & ~(uint64_t)(PAGE - 1);
        uint64_t end = block[i].addr + (block[i].size ? block[i].size : 1);
        bool any = false, touched = false;
        while (first < d->n && d->page[first].at < start)
            first++;
        for (size_t k = first; k < d->n && d->page[k].at < end; k++) {
            any |= !d->page[k].swapped;
            touched |= !d->page[k].swapped && !d->page[k].frame;
        }
        block[i].idle = any && !touched && block[i].size <= BLOCK_MAX;
    }
    return err;
}
