/* SPDX-License-Identifier: MIT */
/* pthread_setname_np, passed on: a thread's name is a label of its samples. prctl(PR_SET_NAME) is
 * in sandbox.S. */
#include "config.h"

#include <errno.h>
#include <pthread.h>

#include "target/hooks/export.h"
#include "target/labels/thread_name.h"
#include "target/os/loader.h"
#include "target/os/machine.h"

static int (*next_setname)(pthread_t, const char *);

__attribute__((constructor)) static void find(void)
{
    next_setname = (int (*)(pthread_t, const char *))ht_next_symbol("pthread_setname_np");
}

EXPORT int pthread_setname_np(pthread_t thread, const char *name)
{
    if (!next_setname)
        find();
    if (!next_setname)
        return ENOSYS;
    const int r = next_setname(thread, name);
    if (!r && (char *)thread == ht_thread_pointer()) /* as pthread_self() */
        ht_thread_renamed(name, 0);
    else if (!r)
        ht_other_thread_renamed();
    return r;
}
