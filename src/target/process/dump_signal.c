/* SPDX-License-Identifier: MIT */
/* Installs the handler of the dump signal, only where the signal has its default action. */
#include "config.h"

#include "target/process/dump_signal.h"

#include <errno.h>
#include <string.h>

#include "target/os/loader.h"
#include "target/process/adopt.h"
#include "target/process/dump.h"
#include "target/state/state.h"

int (*ht_real_sigaction)(int, const struct sigaction *, struct sigaction *);

void ht_on_dump_signal(int number)
{
    (void)number;
    int saved = errno;
    ht_adopt_for_dump();
    ht_dump_request();
    errno = saved;
}

void ht_sigaction_resolve(void)
{
    ht_real_sigaction = (__typeof__(ht_real_sigaction))ht_next_symbol("sigaction");
}

void ht_dump_signal_start(void)
{
    struct sigaction old, ours;
    if (!ht_config.signal_number)
        return;
    /* Ignored or handled already: that was a decision of the program or its starter. */
    if (ht_real_sigaction(ht_config.signal_number, NULL, &old) || (old.sa_flags & SA_SIGINFO) ||
        old.sa_handler != SIG_DFL)
        return;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = ht_on_dump_signal;
    ours.sa_flags = SA_RESTART | SA_ONSTACK;
    ht_real_sigaction(ht_config.signal_number, &ours, NULL);
}
