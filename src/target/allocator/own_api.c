/* SPDX-License-Identifier: MIT */
/* Which of the allocators' own calls are ours in this process: those whose plain reference is bound
 * to the object that malloc lies in. A second allocator in the process keeps its own. */
#include "config.h"

#include "target/allocator/own_api.h"

#include "target/allocator/backend.h"
#include "target/os/rebind.h"

#define COUNT(symbol, type, parameters) +1
enum { N = 0 HT_HOOKED_OWN(COUNT) };

static uint64_t take(const char *name, struct ht_rebinding all[N], unsigned *n)
{
    if (!ht_rebinding_of(name, (uint64_t)ht_next_malloc, &all[*n]))
        return 0;
    return all[(*n)++].theirs;
}

void ht_own_api_take(void)
{
    struct ht_rebinding all[N];
    unsigned n = 0;
    if (ht_next_is_glibc())
        return;
#define TAKE(symbol, type, parameters)                                                             \
    ht_next_##symbol = (__typeof__(ht_next_##symbol))take(#symbol, all, &n);
    HT_HOOKED_OWN(TAKE)
    /* A sized free that does not reach the library would return a placed block to the wrong
     * class. */
    if (!ht_rebind(all, n))
        ht_place_nothing();
}
