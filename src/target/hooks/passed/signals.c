/* SPDX-License-Identifier: MIT */
/* sigaction and its kin, passed on; a program does not see the handler of the dump signal. */
#include "config.h"

#include <signal.h>
#include <string.h>

#include "target/hooks/export.h"
#include "target/os/loader.h"
#include "target/process/dump_signal.h"
#include "target/state/state.h"

typedef void (*handler_fn)(int);

static handler_fn (*next_signal)(int, handler_fn);
static handler_fn (*next_sysv_signal)(int, handler_fn);
static handler_fn (*next_sigset)(int, handler_fn);

/* Before the first thread in practice, and idempotent. */
__attribute__((constructor)) static void find(void)
{
    ht_sigaction_resolve();
    next_signal = (__typeof__(next_signal))ht_next_symbol("signal");
    next_sysv_signal = (__typeof__(next_sysv_signal))ht_next_symbol("sysv_signal");
    next_sigset = (__typeof__(next_sigset))ht_next_symbol("sigset");
}

static inline void resolved(const void *fn)
{
    if (HT_UNLIKELY(!fn))
        find();
}

static handler_fn as_before(handler_fn old)
{
    return old == ht_on_dump_signal ? SIG_DFL : old;
}

EXPORT int sigaction(int number, const struct sigaction *act, struct sigaction *old)
{
    resolved((void *)ht_real_sigaction);
    int r = ht_real_sigaction(number, act, old);
    if (!r && old && HT_UNLIKELY(old->sa_handler == ht_on_dump_signal)) {
        memset(old, 0, sizeof *old);
        old->sa_handler = SIG_DFL;
    }
    return r;
}

EXPORT int __sigaction(int number, const struct sigaction *act, struct sigaction *old);
int __sigaction(int number, const struct sigaction *act, struct sigaction *old)
{
    return sigaction(number, act, old);
}

EXPORT handler_fn signal(int number, handler_fn handler)
{
    resolved((void *)next_signal);
    return as_before(next_signal(number, handler));
}

EXPORT handler_fn bsd_signal(int number, handler_fn handler);
handler_fn bsd_signal(int number, handler_fn handler)
{
    return signal(number, handler);
}

EXPORT handler_fn ssignal(int number, handler_fn handler)
{
    return signal(number, handler);
}

EXPORT handler_fn sysv_signal(int number, handler_fn handler)
{
    resolved((void *)next_sysv_signal);
    return as_before(next_sysv_signal(number, handler));
}

EXPORT handler_fn __sysv_signal(int number, handler_fn handler)
{
    return sysv_signal(number, handler);
}

EXPORT handler_fn sigset(int number, handler_fn handler)
{
    resolved((void *)next_sigset);
    return as_before(next_sigset(number, handler));
}
