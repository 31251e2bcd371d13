/* SPDX-License-Identifier: MIT */
/* The names of grades and of reasons why memory is not read. */
#include "config.h"

#include "leaks/leaks.h"

const char *ht_leak_grade_name(enum ht_leak_grade g)
{
    static const char *const names[] = {"reachable", "unreferenced", "unreachable", "idle"};
    return names[g];
}

const char *ht_leak_unseen_name(enum ht_leak_unseen kind)
{
    static const char *const names[] = {
        [HT_UNSEEN_SWAPPED] = "swapped out",
        [HT_UNSEEN_ABSENT] = "shared and not mapped in",
        [HT_UNSEEN_DEVICE] = "of devices",
        [HT_UNSEEN_USERFAULT] = "registered with userfaultfd",
        [HT_UNSEEN_SECRET] = "secret (memfd_secret)",
        [HT_UNSEEN_CLOSED] = "protected against reading",
        [HT_UNSEEN_FAILED] = "gone while it was read",
    };
    return names[kind];
}

const char *ht_leak_unseen_key(enum ht_leak_unseen kind)
{
    static const char *const keys[] = {
        [HT_UNSEEN_SWAPPED] = "swapped",  [HT_UNSEEN_ABSENT] = "absent",
        [HT_UNSEEN_DEVICE] = "device",    [HT_UNSEEN_USERFAULT] = "userfaultfd",
        [HT_UNSEEN_SECRET] = "secretmem", [HT_UNSEEN_CLOSED] = "protected",
        [HT_UNSEEN_FAILED] = "failed",
    };
    return keys[kind];
}
