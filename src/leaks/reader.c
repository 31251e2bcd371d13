/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/pagemap is read first. Only pages that are present are copied, so none is swapped in
 * and none is created. process_vm_readv copies them in small parts, because it holds the lock on
 * the process's memory map while it copies.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "leaks/areas.h"

#define PAGE 4096u
/* Entries of the pagemap that are read with one call. Both calls need the kernel's records of the
 * pages; with few at a time, the copy finds them in the core's cache. Where nothing is present,
 * many are read. */
#define ENTRIES      256u
#define ENTRIES_MOST 4096u
#define PRESENT      (1ull << 63)
#define SWAPPED      (1ull << 62)
#define OF_FILE      (1ull << 61) /* or shared */
#define RUNS         64u
#define MOMENT       100000 /* ns: shorter waits are not worth a sleep */

uint64_t ht_leak_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int ht_leak_reader_open(struct ht_leak_reader *d, struct ht_remote *r, uint64_t budget)
{
    char path[64];
    *d = (struct ht_leak_reader){.r = r, .budget = budget, .began_ns = ht_leak_now_ns()};
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)r->living);
    d->pagemap = open(path, O_RDONLY | O_CLOEXEC);
    if (d->pagemap < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    /* A thread of this policy does not preempt another one when it wakes up; those of the process
     * preempt it as before. SCHED_IDLE is not used: on a busy machine it could be kept from the
     * processor for long while it has the lock on the process's memory map. */
    const struct sched_param none = {0};
    d->batch = budget && sched_getscheduler(0) == SCHED_OTHER &&
               !sched_setscheduler(0, SCHED_BATCH, &none);
    d->words = aligned_alloc(PAGE, HT_LEAK_READ);
    d->entries = malloc(ENTRIES_MOST * sizeof *d->entries);
    return d->words && d->entries ? 0 : -ENOMEM;
}

void ht_leak_reader_close(struct ht_leak_reader *d)
{
    const struct sched_param none = {0};
    if (d->batch)
        sched_setscheduler(0, SCHED_OTHER, &none);
    if (d->pagemap >= 0)
        close(d->pagemap);
    free(d->words);
    free(d->entries);
}

/* Waits after each read, and never makes up for time that was lost: a burst of reads takes a
 * processor, and memory's bandwidth, from the threads of the process for as long as it lasts. */
static void keep_to_budget(struct ht_leak_reader *d, uint64_t bytes)
{
    if (!d->budget)
        return;
    uint64_t now = ht_leak_now_ns();
    d->due_ns += (uint64_t)((double)bytes / (double)d->budget * 1e9);
    if (d->due_ns < now)
        d->due_ns = now;
    if (d->due_ns <= now + MOMENT)
        return;
    uint64_t left = d->due_ns - now;
    struct timespec t = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    nanosleep(&t, NULL);
    d->waited_ns += ht_leak_now_ns() - now;
}

/* Copies runs of pages with one call, and passes the words on. A page that the call cannot copy is
 * left out. */
static int copy_runs(struct ht_leak_reader *d, struct iovec *there, unsigned n)
{
    for (unsigned k = 0; k < n;) {
        size_t ask = 0, done = 0;
        for (unsigned i = k; i < n; i++)
            ask += there[i].iov_len;
        struct iovec here = {d->words, ask};
        ssize_t got = process_vm_readv(d->r->living, &here, 1, there + k, n - k, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != EFAULT)
            return errno == EPERM ? -EPERM : -ESRCH;
        d->read += got > 0 ? (uint64_t)got : 0;
        while (k < n && got > 0) {
            size_t part = (size_t)got < there[k].iov_len ? (size_t)got : there[k].iov_len;
            part &= ~(size_t)7;
            d->fn(d->ctx, (uint64_t)there[k].iov_base, d->words + done / 8, part / 8);
            got -= (ssize_t)part;
            done += part;
            there[k].iov_base = (char *)there[k].iov_base + part;
            there[k].iov_len -= part;
            if (there[k].iov_len)
                break;
            k++;
        }
        if (done < ask && k < n) { /* this page is gone */
            size_t rest = PAGE - ((uint64_t)there[k].iov_base & (PAGE - 1));
            if (rest > there[k].iov_len)
                rest = there[k].iov_len;
            d->unseen[HT_UNSEEN_FAILED] += rest;
            there[k].iov_base = (char *)there[k].iov_base + rest;
            there[k].iov_len -= rest;
            if (!there[k].iov_len)
                k++;
        }
    }
    return 0;
}

/* Whether a page is to be read. One that may contain pointers and is not read is counted. */
static bool wanted(struct ht_leak_reader *d, const struct ht_leak_area *a, uint64_t entry,
                   size_t bytes)
{
    if (entry & SWAPPED) {
        d->unseen[HT_UNSEEN_SWAPPED] += bytes;
        d->met = true;
        return false;
    }
    d->met |= !!(entry & PRESENT);
    if (!(entry & PRESENT)) {
        if (a->shared)
            d->unseen[HT_UNSEEN_ABSENT] += bytes;
        return false;
    }
    if (a->file && (entry & OF_FILE))
        return false;
    if (a->skip)
        d->unseen[a->unseen] += bytes;
    return !a->skip;
}

/* Reads the wanted pages of a window whose pagemap entries were read. */
static int read_window(struct ht_leak_reader *d, const struct ht_leak_area *a, uint64_t start,
                       uint64_t end)
{
    uint64_t first = start & ~(uint64_t)(PAGE - 1);
    struct iovec there[RUNS];
    for (uint64_t at = start; at < end;) {
        unsigned n = 0;
        size_t bytes = 0;
        while (at < end && bytes + PAGE <= HT_LEAK_READ) {
            uint64_t next = (at & ~(uint64_t)(PAGE - 1)) + PAGE;
            next = next < end ? next : end;
            bool take = wanted(d, a, d->entries[(at - first) / PAGE], next - at);
            bool joins =
                take && n && (char *)there[n - 1].iov_base + there[n - 1].iov_len == (char *)at;
            if (joins) {
                there[n - 1].iov_len += next - at;
            } else if (take) {
                if (n == RUNS)
                    break;
                there[n++] = (struct iovec){(void *)at, next - at};
            }
            bytes += take ? next - at : 0;
            at = next;
        }
        const uint64_t before = d->read;
        int err = n ? copy_runs(d, there, n) : 0;
        if (err)
            return err;
        keep_to_budget(d, d->read - before);
        if (d->told)
            d->told(d->told_ctx, d->read);
    }
    return 0;
}

int ht_leak_reader_read(struct ht_leak_reader *d, const struct ht_leak_area *a, uint64_t start,
                        uint64_t end, bool backwards)
{
    uint64_t step = (uint64_t)ENTRIES * PAGE;
    start = (start + 7) & ~7ull;
    while (start < end) {
        if (d->cancel && *d->cancel)
            return -EINTR;
        uint64_t from = start, to = end;
        if (backwards && (end - 1) / step * step > start)
            from = (end - 1) / step * step;
        else if (!backwards && (start / step + 1) * step < end)
            to = (start / step + 1) * step;
        *(backwards ? &end : &start) = backwards ? from : to;
        uint64_t first = from / PAGE, pages = (to - 1) / PAGE - first + 1;
        ssize_t got = pread(d->pagemap, d->entries, pages * 8, (off_t)(first * 8));
        if (got <= 0)
            return -ESRCH;
        if ((uint64_t)got < pages * 8)
            to = (first + (uint64_t)got / 8) * PAGE;
        d->met = false;
        int err = from < to ? read_window(d, a, from, to) : 0;
        if (err)
            return err;
        step = (uint64_t)(d->met ? ENTRIES : ENTRIES_MOST) * PAGE;
    }
    return 0;
}

bool ht_leak_reader_word(struct ht_leak_reader *d, uint64_t at, uint64_t *word)
{
    uint64_t entry;
    return pread(d->pagemap, &entry, sizeof entry, (off_t)(at / PAGE * 8)) == sizeof entry &&
           (entry & PRESENT) && ht_remote_read(d->r, at, word, sizeof *word) == sizeof *word;
}
