/* SPDX-License-Identifier: MIT */
/* openat2 (Linux 5.6), which libc has no function for. */
#ifndef HEAPTAP_SRC_UTIL_OPENAT2_H
#define HEAPTAP_SRC_UTIL_OPENAT2_H

#include <linux/openat2.h>
#include <unistd.h>

#include "util/kernel.h"

/* A descriptor, or -1 with errno (ENOSYS: an older kernel). */
static inline int ht_openat2(int at, const char *path, const struct open_how *how)
{
    return (int)syscall(SYS_openat2, at, path, how, sizeof *how);
}

#endif
