/* SPDX-License-Identifier: MIT */
/* setrlimit and prlimit, passed on: before the address space is limited the region gives way. */
#include "config.h"

#include <sys/resource.h>
#include <sys/types.h>

#include "target/os/loader.h"
#include "target/hooks/export.h"
#include "target/os/sys.h"
#include "target/process/create.h"

static void before(int resource, const struct rlimit *new)
{
    if (resource == RLIMIT_AS && new && new->rlim_cur != RLIM_INFINITY)
        ht_region_fit(new->rlim_cur);
}

typedef int set_fn(int, const struct rlimit *);
typedef int change_fn(pid_t, int, const struct rlimit *, struct rlimit *);

/* The headers give two names to one function, and redirect one to the other. */
EXPORT int limit_set(int resource, const struct rlimit *new) __asm__("setrlimit64");
EXPORT int limit_change(pid_t pid, int resource, const struct rlimit *new,
                        struct rlimit *old) __asm__("prlimit64");
EXPORT int limit_set_too(int, const struct rlimit *) __asm__("setrlimit")
    __attribute__((alias("setrlimit64")));
EXPORT int limit_change_too(pid_t, int, const struct rlimit *, struct rlimit *) __asm__("prlimit")
    __attribute__((alias("prlimit64")));

int limit_set(int resource, const struct rlimit *new)
{
    static set_fn *next;
    if (!next)
        next = (set_fn *)ht_next_symbol("setrlimit64");
    before(resource, new);
    return next(resource, new);
}

int limit_change(pid_t pid, int resource, const struct rlimit *new, struct rlimit *old)
{
    static change_fn *next;
    if (!next)
        next = (change_fn *)ht_next_symbol("prlimit64");
    if (pid == 0 || pid == (pid_t)SYS0(SYS_getpid))
        before(resource, new);
    return next(pid, resource, new, old);
}
