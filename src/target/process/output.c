/* SPDX-License-Identifier: MIT */
/*
 * Related processes may get the same name for their profiles: exec keeps the pid, and in every pid
 * namespace the first process is 1. A file that was written since the first of them began is a
 * relative's. The rename itself tells whether there is one (RENAME_NOREPLACE), because two may end
 * at the same moment.
 */
#include "config.h"

#include "target/process/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "region/pattern.h"
#include "region/text.h"
#include "target/os/sys.h"
#include "target/process/namespaces.h"
#include "target/state/process_info.h"
#include "target/state/state.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

bool ht_output_expand(struct ht_output *o, const struct ht_region_header *h, const char *pattern,
                      uint32_t number, bool last)
{
    struct ht_pattern v = {
        .name = h->name,
        .host = ht_process.host,
        .pid = h->pid,
        .number = number,
        .seconds = ht_sys_clock(CLOCK_REALTIME_COARSE) / 1000000000u,
        .last = last,
        .relative = ht_config.run_root && (ht_config.run_root != h->pid || ht_pid_is_foreign(h)),
    };
    o->pid = h->pid;
    o->since = 0;
    if (!ht_pattern_expand(o->path, o->size, pattern, &v))
        return false;
    /* `run` can build the name of a dump that was not the last from the region too. */
    return last || !ht_pid_is_foreign(h) || ht_pattern_insert(o->path, o->size, h->start_ticks);
}

/* For an image that came by exec: the beginning of the process, which is known to the tick. */
static uint64_t process_start_ns(const struct ht_region_header *h, bool execed)
{
    uint64_t now = ht_sys_clock(CLOCK_REALTIME_COARSE);
    uint64_t up = ht_sys_clock_exact(CLOCK_BOOTTIME) - (uint64_t)ht_boot_offset();
    uint64_t start = h->start_ticks * (1000000000u / 100); /* USER_HZ */
    return execed && h->start_ticks && up > start && now > up - start ? now - (up - start)
                                                                      : h->start_wall_ns;
}

void ht_output_keep_relatives(struct ht_output *o, const struct ht_region_header *h, bool execed)
{
    o->since = ht_config.run_root ? ht_config.run_start_ns : process_start_ns(h, execed);
}

static bool written_by_relative(const char *path, uint64_t since)
{
    struct stat st;
    /* not a pipe or a device, which is no profile of a relative */
    return !SYS_FAILED(SYS2(SYS_stat, path, &st)) && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec >= since;
}

static bool is_there(const char *path)
{
    return written_by_relative(path, 0);
}

/* Puts the pid, then numbers, into the name, until no relative has a file of that name. */
static void pick_free_name(struct ht_output *o)
{
    static char base[2200];
    if (!o->since || !written_by_relative(o->path, o->since) ||
        !ht_pattern_insert(o->path, o->size, o->pid))
        return;
    struct ht_text t = ht_text(base, sizeof base);
    ht_text_string(&t, o->path);
    for (uint64_t n = 1; n < 10000 && !t.cut && written_by_relative(o->path, o->since); n++) {
        struct ht_text again = ht_text(o->path, o->size);
        ht_text_string(&again, base);
        if (!ht_pattern_insert(o->path, o->size, n))
            return;
    }
}

int ht_output_publish(struct ht_output *o, const char *temporary)
{
    for (int i = 0; o->since && i < 1000; i++) {
        pick_free_name(o);
        /* a relative's file came since the name was picked */
        if (written_by_relative(o->path, o->since))
            continue;
        if (is_there(o->path)) /* an older file may be replaced */
            break;
        long r = SYS6(SYS_renameat2, AT_FDCWD, temporary, AT_FDCWD, o->path, RENAME_NOREPLACE, 0);
        if (r == -EINVAL || r == -ENOSYS)
            break; /* NFS and others lack RENAME_NOREPLACE */
        if (r != -EEXIST)
            return SYS_FAILED(r) ? (int)r : 0;
        if (!is_there(o->path))
            break; /* a dangling link: replaced, as by any rename */
    }
    long r = SYS2(SYS_rename, temporary, o->path);
    return SYS_FAILED(r) ? (int)r : 0;
}
