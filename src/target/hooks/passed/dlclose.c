/* SPDX-License-Identifier: MIT */
/* dlclose, passed on. Before and after the call, all cached data about addresses is made
 * invalid. */
#include "config.h"

#include "target/hooks/export.h"
#include "target/os/loader.h"
#include "target/state/state.h"

static int (*next_dlclose)(void *);

__attribute__((constructor)) static void find(void)
{
    next_dlclose = (int (*)(void *))ht_next_symbol("dlclose");
}

/* dlclose, unlike dlopen, does not look at its caller. */
EXPORT int dlclose(void *handle)
{
    if (!next_dlclose)
        find();
    atomic_fetch_add_explicit(&ht_unload_generation, 1, memory_order_relaxed);
    int r = next_dlclose(handle);
    atomic_fetch_add_explicit(&ht_unload_generation, 1, memory_order_relaxed);
    return r;
}
