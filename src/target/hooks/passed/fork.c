/* SPDX-License-Identifier: MIT */
/* fork and _Fork, passed on; see process/fork_inside.c. */
#include "config.h"

#include <unistd.h>

#include "target/hooks/export.h"
#include "target/os/loader.h"
#include "target/process/fork_inside.h"

static pid_t (*next_fork)(void), (*next__Fork)(void);

__attribute__((constructor)) static void find(void)
{
    next_fork = (pid_t(*)(void))ht_next_symbol("fork");
    next__Fork = (pid_t(*)(void))ht_next_symbol("_Fork");
}

EXPORT pid_t fork(void)
{
    if (!next_fork)
        find();
    return ht_fork_inside(next_fork);
}

EXPORT pid_t _Fork(void);

pid_t _Fork(void)
{
    if (!next__Fork)
        find();
    return ht_fork_inside(next__Fork ? next__Fork : next_fork);
}
