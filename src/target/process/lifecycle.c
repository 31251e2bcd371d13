/* SPDX-License-Identifier: MIT */
/* Start and exit of the process: the region is created in the constructor; the last dump is
 * written in the destructor or by the hooks of _exit and quick_exit. */
#include "config.h"

#include "target/process/lifecycle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "target/allocator/backend.h"
#include "target/allocator/own_api.h"
#include "target/labels/published.h"
#include "target/os/loader.h"
#include "target/os/machine.h"
#include "target/os/sys.h"
#include "target/os/thread_stack.h"
#include "target/process/adopt.h"
#include "target/process/dump.h"
#include "target/process/dump_signal.h"
#include "target/process/filter_at_start.h"
#include "target/process/leak_wait.h"
#include "target/process/sandbox.h"
#include "target/sampler/rate.h"
#include "target/state/say.h"
#include "target/state/settings.h"
#include "target/state/state.h"

/* Removes the library from LD_PRELOAD, for --no-children. */
static void leave_environment(void)
{
    char *v = getenv("LD_PRELOAD");
    for (char *p = v; p && *p;) {
        size_t n = strcspn(p, ": ");
        char *base = memrchr(p, '/', n);
        size_t skip = base ? (size_t)(base + 1 - p) : 0;
        if (n - skip >= 10 && !strncmp(p + skip, "libheaptap", 10)) {
            n += p[n] != 0;
            memmove(p, p + n, strlen(p + n) + 1);
        } else {
            p += n + (p[n] != 0);
        }
    }
}

/* Called last by quick_exit(3), which then ends the process in a way that cannot be hooked:
 * handlers run in reverse order, and this one is registered first. */
static void finish_quickly(void)
{
    ht_on_exit();
}

/* Ends the start of a process that will never be profiled: no sample is ever due, and free's test
 * rejects every pointer. */
static void stay_dormant(int saved_errno)
{
    ht_sample_never();
    ht_tls.bytes_until_sample = 0;
    ht_tls.reentrancy_depth--;
    errno = saved_errno;
}

/*
 * Most programs that another one starts, as a shell or make does, end before their first sample.
 * Under `run` the region of such a one waits until then, as that of a forked child does. Not where
 * `run` has gone, for then a region that an image before this one left is dumped at start; nor
 * under a filter, where readers tell by the region that the process is profiled.
 */
static bool may_wait(uint32_t pid)
{
    return ht_config.run_id && ht_config.run_root != pid && !ht_config.secure &&
           ht_no_filter_at_start && ht_config.run_pid &&
           !SYS_FAILED(SYS2(SYS_kill, ht_config.run_pid, 0));
}

/* The region, and what goes with it, of a program that has begun. */
static bool begin(struct ht_state *s, uint32_t pid)
{
    ht_state = s;
    ht_published_start();
    if (may_wait(pid))
        s->waiting_pid = pid;
    else if (!ht_region_begin())
        return false;
    ht_dump_signal_start();
    at_quick_exit(finish_quickly);
    ht_mappings_on = ht_config.mmap;
    return true;
}

__attribute__((constructor)) static void start(int argc, char **argv)
{
    (void)argc;
    ht_tls.reentrancy_depth++;
    ht_backend_resolve(); /* first: it finds errno's place */
    int saved = errno;
    if (ht_filter_unknown()) { /* the library makes no system call from here on */
        ht_sandboxed_from_start();
        stay_dormant(saved);
        return;
    }
    ht_say_start();
    if (!ht_libc_is_glibc()) {
        ht_say("this program is not profiled: it is linked with musl, "
               "and heaptap needs the GNU C library",
               "", "");
        stay_dormant(saved);
        return;
    }
    ht_own_api_take();
    ht_sigaction_resolve();
    ht_settings_read(argv);
    const uint32_t pid = (uint32_t)SYS0(SYS_getpid);
    bool wanted = ht_config.children || !ht_config.run_root || ht_config.run_root == pid;
    if (!ht_config.children)
        leave_environment();
    ht_thread_stack_setup();
    size_t size = HT_PAGE_UP(sizeof(struct ht_state));
    struct ht_state *s = wanted ? ht_sys_anonymous(size) : NULL;
    if (s && SYS_FAILED(SYS3(SYS_madvise, s, size, MADV_WIPEONFORK))) {
        ht_say("madvise(MADV_WIPEONFORK) is refused (it came with Linux 4.14)", "; not profiling",
               "");
        s = NULL;
    }
    if (s) {
        ht_sample_set_rate(ht_config.rate);
        if (!ht_config.start)
            ht_sample_set_rate(0);
        if (!begin(s, pid)) {
            ht_state = NULL;
            ht_say("no memory for a region", "; not profiling", "");
        }
    }
    if (!ht_state) {
        stay_dormant(saved);
        return;
    }
    ht_tls.bytes_until_sample = 0;
    ht_tls.reentrancy_depth--;
    errno = saved;
}

/*
 * _exit runs no destructors, so the last dump is made here. A vfork child shares the memory but not
 * the pid: its _exit is not the process's. Inside a sandbox opening a file may be fatal: the region
 * keeps the profile.
 */
void ht_on_exit(void)
{
    if (ht_active() && !ht_sandboxed && !ht_config.secure &&
        ht_state->header->pid == (uint32_t)SYS0(SYS_getpid)) {
        int saved = errno;
        ht_leak_wait();
        ht_dump_last();
        errno = saved;
    }
}

__attribute__((destructor)) static void finish(void)
{
    ht_on_exit();
}
