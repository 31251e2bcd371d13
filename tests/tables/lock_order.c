/* SPDX-License-Identifier: MIT */
/*
 * The order of locks is asserted: each pair of ranks in the order of lock.h is granted, and in the
 * other order, and twice the same, ends the process. So does a wait that must hold no lock, with
 * any. A handler's hook, on a thread that holds one, is exempt.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/state/lock.h"

struct ht_config ht_config;
static _Atomic uint32_t first, second;

enum { A_WAIT = HT_RANK_UNTAGGED + 1 }; /* in place of the second lock */

static void take_second(int two)
{
    if (two == A_WAIT) {
        ht_rank_check_none();
        return;
    }
    if (!ht_try_lock(&second, (enum ht_rank)two))
        _exit(2);
    ht_unlock(&second, (enum ht_rank)two);
}

/* True when the process that takes one lock and then the other lives. */
static bool granted(enum ht_rank one, int two, uint32_t guard, uint32_t guard_then)
{
    pid_t child = fork();
    if (!child) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        close(2);
        ht_tls.reentrancy_depth = guard;
        if (!ht_lock(&first, one))
            _exit(2);
        ht_tls.reentrancy_depth = guard_then;
        take_second(two);
        ht_tls.reentrancy_depth = guard;
        ht_unlock(&first, one);
        _exit(ht_tls.locks_held ? 2 : 0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status))) {
        fprintf(stderr, "ranks %d and %d: the child ended otherwise (%#x)\n", one, two, status);
        exit(1);
    }
    return WIFEXITED(status);
}

int main(void)
{
    int failures = 0;
    for (int one = 0; one <= HT_RANK_UNTAGGED; one++)
        for (int two = 0; two <= A_WAIT; two++) {
            bool is[] = {granted(one, two, 0, 0), granted(one, two, 1, 1), granted(one, two, 0, 1),
                         granted(one, two, 1, 2)};
            bool in_order = one < two && two != A_WAIT, should[] = {in_order, in_order, true, true};
            for (int i = 0; i < 4; i++)
                if (is[i] != should[i]) {
                    fprintf(stderr, "rank %d, then %d, case %d: granted %d\n", one, two, i, is[i]);
                    failures++;
                }
        }
    return failures != 0;
}
