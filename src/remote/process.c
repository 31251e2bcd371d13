/* SPDX-License-Identifier: MIT */
/* Opens a process, and updates what is stored about it when its maps change. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote/maps.h"
#include "remote/memory.h"
#include "remote/module.h"
#include "remote/remote.h"
#include "remote/rows.h"
#include "snapshot/process.h"
#include "snapshot/program.h"

/* Another object may be at the place of one that was unloaded. */
static void maps_changed(struct ht_remote *r)
{
    ht_remote_rows_clear(r);
    ht_remote_modules_check(r);
}

int ht_remote_maps(struct ht_remote *r)
{
    struct ht_process_info info;
    int err = ht_remote_maps_read(r);
    /* The memory is not visible through a thread that has ended, as the first one may have. */
    if ((err == -ESRCH || err == -ENOENT) && !ht_process_read(r->pid, &info) &&
        info.thread != r->living) {
        r->living = info.thread;
        err = ht_remote_maps_read(r);
    }
    maps_changed(r);
    return err;
}

void ht_remote_open_unseen(struct ht_remote *r, pid_t pid)
{
    memset(r, 0, sizeof *r);
    r->pid = r->living = pid;
    r->unseen = true;
}

int ht_remote_maps_copy(struct ht_remote *to, const struct ht_remote *from)
{
    int err = ht_remote_maps_copy_to(to, from);
    maps_changed(to);
    return err;
}

void ht_remote_maps_clear(struct ht_remote *r)
{
    r->n_maps = 0;
    maps_changed(r);
}

void ht_remote_rest(struct ht_remote *r)
{
    ht_remote_rows_destroy(r);
    ht_remote_memory_destroy(r);
    ht_remote_modules_rest(r);
}

/* kernel.yama.ptrace_scope; 0: it is, or there is no yama. */
static int yama(void)
{
    FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    int level = 0;
    if (f) {
        if (fscanf(f, "%d", &level) != 1)
            level = 0;
        fclose(f);
    }
    return level;
}

static int refuse(pid_t pid, int err, char *msg, size_t msg_size)
{
    const int level = err == -EACCES || err == -EPERM ? yama() : 0;
    if (level > 2)
        snprintf(msg, msg_size,
                 "process %d cannot be looked into: kernel.yama.ptrace_scope is %d, which forbids "
                 "it to everybody and stays until the next boot",
                 (int)pid, level);
    else if (level > 0)
        snprintf(msg, msg_size,
                 "process %d cannot be looked into: it is another user's, or traced already, or "
                 "forbidden, for kernel.yama.ptrace_scope is %d (run as root%s)",
                 (int)pid, level,
                 level == 1 ? ", or sysctl kernel.yama.ptrace_scope=0" : " with CAP_SYS_PTRACE");
    else if (err == -EACCES || err == -EPERM)
        snprintf(msg, msg_size,
                 "process %d cannot be looked into: it is another user's, or traced already, or "
                 "yama forbids it (run as root, or see kernel.yama.ptrace_scope)",
                 (int)pid);
    else if (err == -ESRCH || err == -ENOENT)
        snprintf(msg, msg_size, "there is no process %d, or it has ended", (int)pid);
    else
        snprintf(msg, msg_size, "process %d cannot be looked into: %s", (int)pid, strerror(-err));
    if (err == -EACCES)
        return -EPERM;
    return err == -ENOENT ? -ESRCH : err;
}

int ht_remote_open(struct ht_remote *r, pid_t pid, char *msg, size_t msg_size)
{
    struct ht_process_info info;
    memset(r, 0, sizeof *r);
    r->pid = pid;
    int err = ht_process_read(pid, &info);
    if (err)
        return refuse(pid, err, msg, msg_size);
    r->living = info.thread;
    r->start_ticks = info.start_ticks;
    char path[64], probe;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)r->living);
    ssize_t n = readlink(path, r->exe, sizeof r->exe - 1);
    if (n < 0 && errno == ENOENT) {
        snprintf(msg, msg_size, "process %d is a thread of the kernel: it has no memory of its own",
                 (int)pid);
        return -EINVAL;
    }
    if (n < 0)
        return refuse(pid, -errno, msg, msg_size);
    char *deleted = strstr(r->exe, " (deleted)");
    if (deleted && !deleted[10])
        *deleted = 0;
    ht_process_program(r->living, r->exe, r->program, sizeof r->program);
    err = ht_remote_maps(r);
    /* A first read shows whether reading is allowed. */
    ssize_t got = err ? 0 : ht_remote_read(r, r->maps[0].start, &probe, 1);
    if (got < 0)
        err = (int)got;
    if (err) {
        ht_remote_close(r);
        return refuse(pid, err, msg, msg_size);
    }
    return 0;
}

void ht_remote_close(struct ht_remote *r)
{
    ht_remote_modules_destroy(r);
    ht_remote_rows_destroy(r);
    ht_remote_memory_destroy(r);
    ht_remote_maps_free(r);
}
