/* SPDX-License-Identifier: MIT */
/*
 * Finds what a thread in futex(2) waits for. glibc's pthread_mutex_t begins with the lock word,
 * which is 2 while there are waiters, and has the owner's thread id 8 bytes behind it (struct
 * __pthread_mutex_s, glibc 2.2.5 to 2.41); a priority-inheriting one has the id in the word itself
 * (futex(2)). pthread_join waits at the word that holds the other's id until the kernel clears it.
 * For anything else (condition variables, semaphores) only the address is known.
 */
#include "config.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "remote/remote.h"

static struct ht_remote_thread *find(struct ht_remote_threads *t, pid_t tid)
{
    size_t lo = 0, hi = t->n; /* they are sorted */
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        if (t->thread[middle].tid < tid)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < t->n && t->thread[lo].tid == tid ? &t->thread[lo] : NULL;
}

static void look(struct ht_remote *r, struct ht_remote_threads *all, struct ht_remote_thread *t)
{
    uint32_t word[3];
    unsigned op = (unsigned)t->args[1] & FUTEX_CMD_MASK;
    if (t->call != SYS_futex || !t->depth ||
        ht_remote_read(r, t->args[0], word, sizeof word) != sizeof word)
        return;
    t->lock = t->args[0];
    pid_t value = (pid_t)(uint32_t)t->args[2], owner = (pid_t)word[2];
    if (op == FUTEX_LOCK_PI || op == 13 /* FUTEX_LOCK_PI2 */) {
        t->owner = (pid_t)(word[0] & FUTEX_TID_MASK);
    } else if (op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET) {
        if (value == 2 && word[0] == 2 && find(all, owner))
            t->owner = owner;
        else if (value > 2 && (pid_t)word[0] == value && find(all, value))
            t->joins = value;
    }
}

static pid_t waits_for(const struct ht_remote_thread *t)
{
    return t->owner ? t->owner : t->joins;
}

/* Follows the owners from t; true when they lead back to it. */
static bool in_circle(struct ht_remote_threads *all, const struct ht_remote_thread *t)
{
    const struct ht_remote_thread *at = t;
    for (size_t i = 0; i <= all->n; i++) {
        at = waits_for(at) ? find(all, waits_for(at)) : NULL;
        if (!at || at == t)
            return at == t;
    }
    return false;
}

void ht_remote_locks(struct ht_remote *r, struct ht_remote_threads *all)
{
    ht_remote_forget(r);
    for (size_t i = 0; i < all->n; i++)
        look(r, all, &all->thread[i]);
    for (size_t i = 0; i < all->n; i++)
        all->thread[i].deadlock = in_circle(all, &all->thread[i]);
}
