/* SPDX-License-Identifier: MIT */
/*
 * Which processes of a run were alive at one moment, and used most memory together. The set of
 * living processes grows only when one starts, so only the starts are tried.
 */
#include "config.h"

#include "cli/run/together.h"

#include <stdbool.h>

/* By how much the clocks of a process's start and of its file may differ, and more. */
#define STEP_NS 50000000u

/* Whether p lived when the other began. A parent lives when its child asks for it; two images of
 * one process follow each other. */
static bool lives_at(const struct ht_run_profile *p, const struct ht_run_profile *when)
{
    const bool here = !p->foreign && !when->foreign;
    if (p == when || (here && when->parent == p->pid))
        return true;
    return p->began_ns && when->began_ns && p->began_ns <= when->began_ns &&
           when->began_ns + STEP_NS < p->ended_ns && !(here && p->pid == when->pid);
}

size_t ht_run_together(struct ht_run_named *list, size_t n)
{
    const struct ht_run_profile *best = NULL;
    int64_t most = -1;
    size_t together = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t sum = 0;
        for (size_t k = 0; k < n; k++)
            if (lives_at(list[k].of, list[i].of))
                sum += list[k].of->inuse > 0 ? list[k].of->inuse : 0;
        if (sum > most) {
            most = sum;
            best = list[i].of;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (lives_at(list[i].of, best)) {
            struct ht_run_named found = list[i];
            list[i] = list[together];
            list[together++] = found;
        }
    return together;
}
