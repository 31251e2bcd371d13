/* SPDX-License-Identifier: MIT */
/*
 * Reads /proc/self: the start time in /proc/self/stat, less the time namespace's offset, and the
 * number of the pid namespace.
 */
#include "config.h"

#include "target/process/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "target/os/sys.h"
#include "target/state/state.h"

#define TICK (1000000000 / 100) /* nanoseconds; USER_HZ */

static const char *number(const char *p, int64_t *n)
{
    while (*p == ' ' || *p == '\t')
        p++;
    bool minus = *p == '-';
    p += minus;
    for (*n = 0; *p >= '0' && *p <= '9'; p++)
        *n = *n * 10 + (*p - '0');
    if (minus)
        *n = -*n;
    return p;
}

int64_t ht_boot_offset(void)
{
    char buf[256];
    int64_t seconds, nanoseconds;
    if (ht_sys_read_file("/proc/self/timens_offsets", buf, sizeof buf) <= 0)
        return 0;
    /* "monotonic  S  NS", "boottime  S  NS" */
    const char *p = buf;
    while (*p && *p != 'b')
        p++;
    while (*p >= 'a' && *p <= 'z')
        p++;
    p = number(p, &seconds);
    number(p, &nanoseconds);
    return seconds * 1000000000 + nanoseconds;
}

uint64_t ht_start_ticks(void)
{
    char buf[1024];
    if (ht_sys_read_file("/proc/self/stat", buf, sizeof buf) <= 0)
        return 0;
    /* Field 2 may hold anything; the last ')' ends it. starttime is field 22 (proc(5)). */
    const char *p = strrchr(buf, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    int64_t n = 0;
    if (p)
        number(p, &n);
    n -= ht_boot_offset() / TICK;
    return n > 0 ? (uint64_t)n : 0;
}

uint64_t ht_pid_namespace(void)
{
    struct stat st = {.st_ino = 0};
    long fd = SYS4(SYS_openat, AT_FDCWD, "/proc/self/ns/pid", O_RDONLY | O_CLOEXEC, 0);
    if (SYS_FAILED(fd))
        return 0;
    SYS2(SYS_fstat, fd, &st);
    SYS1(SYS_close, fd);
    return st.st_ino;
}

bool ht_namespaces_differ(const struct ht_region_header *h, uint64_t other)
{
    return other && h->pid_namespace && h->pid_namespace != other;
}

bool ht_pid_is_foreign(const struct ht_region_header *h)
{
    return ht_namespaces_differ(h, ht_config.run_pid_namespace);
}

bool ht_run_finds(const char *region_path)
{
    struct stat st;
    return *region_path &&
           (!ht_config.run_device ||
            (!SYS_FAILED(SYS2(SYS_stat, region_path, &st)) && st.st_dev == ht_config.run_device));
}

bool ht_run_waits(void)
{
    struct stat st;
    if (!ht_config.run_id)
        return false;
    if (ht_pid_is_foreign(ht_state->header))
        return SYS_FAILED(SYS2(SYS_stat, ht_state->region_path, &st)) ||
               !(st.st_mode & HT_REGION_LEFT_MODE);
    return !ht_config.run_pid || SYS2(SYS_kill, ht_config.run_pid, 0) != -ESRCH;
}
