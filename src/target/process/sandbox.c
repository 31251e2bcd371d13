/* SPDX-License-Identifier: MIT */
/*
 * What needs files is done before a seccomp filter is there: a forked child adopts its region, and
 * the region goes on in private memory.
 */
#include "config.h"

#include <errno.h>

#include "target/process/adopt.h"
#include "target/process/sandbox.h"
#include "target/tables/live.h"
#include "target/tables/writer.h"
#include "target/state/state.h"

/* Called by hooks/passed/sandbox.S with the program's arguments saved. */
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
