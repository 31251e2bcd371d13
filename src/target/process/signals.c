/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "target/process/dump.h"
#include "target/process/signals.h"
#include "target/process/lifecycle.h"
#include "target/state/state.h"

#define EXPORT __attribute__((visibility("default")))

typedef void (*handler_fn)(int);

static int (*next_sigaction)(int, const struct sigaction *, struct sigaction *);
static handler_fn (*next_signal)(int, handler_fn);
static handler_fn (*next_sysv_signal)(int, handler_fn);
static handler_fn (*next_sigset)(int, handler_fn);

static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    ht_adopt_for_dump();
    ht_dump_request();
    errno = saved;
}

void ht_signals_resolve(void)
{
    next_sigaction = (__typeof__(next_sigaction))dlsym(RTLD_NEXT, "sigaction");
    next_signal = (__typeof__(next_signal))dlsym(RTLD_NEXT, "signal");
    next_sysv_signal = (__typeof__(next_sysv_signal))dlsym(RTLD_NEXT, "sysv_signal");
    next_sigset = (__typeof__(next_sigset))dlsym(RTLD_NEXT, "sigset");
}

static inline void resolved(const void *fn)
{
    if (HT_UNLIKELY(!fn))
        ht_signals_resolve();
}

void ht_signals_start(void)
{
    struct sigaction old, ours;
    if (!ht_config.signal_number)
        return;
    resolved((void *)next_sigaction);
    /* Ignored or handled already: that is somebody's decision. */
    if (next_sigaction(ht_config.signal_number, NULL, &old) || (old.sa_flags & SA_SIGINFO) ||
        old.sa_handler != SIG_DFL)
        return;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = on_signal;
    ours.sa_flags = SA_RESTART | SA_ONSTACK;
    next_sigaction(ht_config.signal_number, &ours, NULL);
}

static handler_fn as_before(handler_fn old)
{
    return old == on_signal ? SIG_DFL : old;
}

EXPORT int sigaction(int number, const struct sigaction *act, struct sigaction *old)
{
    resolved((void *)next_sigaction);
    int r = next_sigaction(number, act, old);
    if (!r && old && HT_UNLIKELY(old->sa_handler == on_signal)) {
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
