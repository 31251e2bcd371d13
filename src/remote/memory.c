/* SPDX-License-Identifier: MIT */
/*
 * Reads with process_vm_readv: a page that is not there is an error and no signal, and the process
 * is not disturbed. Single words come from a small cache of pages, so that walking a stack takes
 * one call for each page.
 */
#include "config.h"

#include "remote/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE    4096u
#define N_PAGES 64u

struct ht_remote_memory {
    uint64_t at[N_PAGES]; /* page address + 1; 0: none */
    bool there[N_PAGES];
    unsigned char data[N_PAGES][PAGE];
};

void ht_remote_memory_destroy(struct ht_remote *r)
{
    free(r->memory);
    r->memory = NULL;
}

ssize_t ht_remote_read(struct ht_remote *r, uint64_t at, void *to, size_t n)
{
    /* The request is split into pages, because the call stops at the first part that is not
     * there. */
    struct iovec here = {to, n}, there[64];
    size_t done = 0;
    if (r->unseen)
        return 0;
    while (done < n) {
        unsigned k = 0;
        size_t ask = 0;
        for (; k < 64 && done + ask < n; k++) {
            size_t part = PAGE - ((at + done + ask) & (PAGE - 1));
            if (part > n - done - ask)
                part = n - done - ask;
            there[k] = (struct iovec){(void *)(at + done + ask), part};
            ask += part;
        }
        here = (struct iovec){(char *)to + done, ask};
        ssize_t got = process_vm_readv(r->living, &here, 1, there, k, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return done || errno == EFAULT ? (ssize_t)done : -errno;
        done += (size_t)got;
        if ((size_t)got < ask)
            break;
    }
    return (ssize_t)done;
}

void ht_remote_forget(struct ht_remote *r)
{
    if (r->memory)
        memset(r->memory->at, 0, sizeof r->memory->at);
}

static unsigned char *page_at(struct ht_remote *r, uint64_t page)
{
    struct ht_remote_memory *m = r->memory;
    unsigned i = (unsigned)(page / PAGE) % N_PAGES;
    if (m->at[i] != page + 1) {
        m->at[i] = page + 1;
        m->there[i] = ht_remote_read(r, page, m->data[i], PAGE) == PAGE;
    }
    return m->there[i] ? m->data[i] : NULL;
}

bool ht_remote_word(struct ht_remote *r, uint64_t at, uint64_t *word)
{
    if ((at & 7) || at > UINT64_MAX - PAGE || r->unseen)
        return false;
    if (!r->memory && !(r->memory = calloc(1, sizeof *r->memory)))
        return false;
    const unsigned char *page = page_at(r, at & ~(uint64_t)(PAGE - 1));
    if (!page)
        return false;
    memcpy(word, page + (at & (PAGE - 1)), 8);
    return true;
}
