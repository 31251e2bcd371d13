/* SPDX-License-Identifier: MIT */
/*
 * A program that limits its own address space must find room under the limit: the region gives back
 * what it holds in reserve, as it would have reserved less had the limit been there at the start.
 */
#include "config.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "target/process/lifecycle.h"
#include "target/os/sys.h"
#include "target/tables/writer.h"
#include "target/state/state.h"

#define EXPORT __attribute__((visibility("default")))

static void before(unsigned resource, const struct rlimit *new)
{
    if (resource == RLIMIT_AS && new && new->rlim_cur != RLIM_INFINITY && ht_active() &&
        !ht_sandboxed && ht_state->header->pid == (uint32_t)SYS0(SYS_getpid) &&
        ht_region_shrink(new->rlim_cur / 32))
        ht_inherited_limit = ht_state->limit;
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
        next = (set_fn *)dlsym(RTLD_NEXT, "setrlimit64");
    before((unsigned)resource, new);
    return next(resource, new);
}

int limit_change(pid_t pid, int resource, const struct rlimit *new, struct rlimit *old)
{
    static change_fn *next;
    if (!next)
        next = (change_fn *)dlsym(RTLD_NEXT, "prlimit64");
    if (pid == 0 || pid == (pid_t)SYS0(SYS_getpid))
        before((unsigned)resource, new);
    return next(pid, resource, new, old);
}
