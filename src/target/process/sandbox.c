/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>

#include "target/process/lifecycle.h"
#include "target/process/sandbox.h"
#include "target/os/sys.h"
#include "target/tables/live.h"
#include "target/tables/writer.h"
#include "target/state/state.h"

/* Called by sandbox.S with the program's arguments saved. */
void ht_before_sandbox(void)
{
    int saved = errno;
    if (ht_forked() && !ht_tls.guard)
        ht_child_adopt(); /* the child's region, while a file can still be made */
    if (ht_active() && !ht_sandboxed) {
        ht_region_detach();
        ht_live_prepare();
    }
    ht_sandboxed = true;
    errno = saved;
}

__attribute__((visibility("default"), noreturn)) void _exit(int status);
__attribute__((visibility("default"), noreturn)) void _Exit(int status);

void _exit(int status)
{
    ht_leaving();
    for (;;)
        SYS1(SYS_exit_group, status);
}

void _Exit(int status)
{
    _exit(status);
}

/* The next definitions, looked up on first use: before main in practice. */
void *ht_next_prctl, *ht_next_syscall;
static int (*ht_next_dlclose)(void *);

__attribute__((constructor)) static void find(void)
{
    ht_next_prctl = dlsym(RTLD_NEXT, "prctl");
    ht_next_syscall = dlsym(RTLD_NEXT, "syscall");
    ht_next_dlclose = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
}

/* dlclose, unlike dlopen, does not look at its caller. */
__attribute__((visibility("default"))) int dlclose(void *handle)
{
    if (!ht_next_dlclose)
        find();
    atomic_fetch_add_explicit(&ht_unload_generation, 1, memory_order_relaxed);
    int r = ht_next_dlclose(handle);
    atomic_fetch_add_explicit(&ht_unload_generation, 1, memory_order_relaxed);
    return r;
}

void ht_find_sandbox_calls(void)
{
    find();
}
