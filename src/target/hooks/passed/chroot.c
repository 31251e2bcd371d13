/* SPDX-License-Identifier: MIT */
/* chroot, passed on. A process that has no region yet makes it first: below another root there may
 * be no directory of regions, and `heaptap run` would not find what is made there. */
#include "config.h"

#include <unistd.h>

#include "target/hooks/export.h"
#include "target/os/loader.h"
#include "target/process/adopt.h"
#include "target/state/state.h"

static int (*next_chroot)(const char *);

__attribute__((constructor)) static void find(void)
{
    next_chroot = (int (*)(const char *))ht_next_symbol("chroot");
}

EXPORT int chroot(const char *path)
{
    if (!next_chroot)
        find();
    if (ht_forked() && !ht_tls.reentrancy_depth)
        ht_postfork_child();
    return next_chroot(path);
}
