/* SPDX-License-Identifier: MIT */
/* A page that another thread unmaps between the question and the load is not seen: what is read
 * here must belong to the calling thread. */
#include "config.h"

#include "target/os/unknown_memory.h"

#include <string.h>

#include "target/os/machine.h"
#include "target/os/sys.h"

static bool readable(struct ht_unknown_memory *m, uint64_t page)
{
    const unsigned n = sizeof m->pages / sizeof *m->pages;
    for (unsigned i = 0; i < n; i++)
        if (m->pages[i] == page)
            return true;
    if (ht_sandboxed || !ht_page_readable(page))
        return false;
    m->pages[m->next++ % n] = page;
    return true;
}

bool ht_unknown_read(struct ht_unknown_memory *m, uint64_t at, void *to, size_t n)
{
    if (at < HT_PAGE_SIZE || at + n < at)
        return false;
    for (uint64_t page = HT_PAGE_DOWN(at); page < at + n; page += HT_PAGE_SIZE)
        if (!readable(m, page))
            return false;
    memcpy(to, (const void *)at, n);
    return true;
}
