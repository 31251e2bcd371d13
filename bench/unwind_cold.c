/* SPDX-License-Identifier: MIT */
/* First samples through functions never seen. Not in unwind.c: where segments begin in that one's
 * stacks, and so its instructions, go by the addresses of its functions. */
#include "config.h"

#include <stdbool.h>
#include <sys/resource.h>

#include "unwind.h"

static struct first seen;

static long faults(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_minflt;
}

/* n < 0: faults are asked for. */
#define FIRST(chain)                                                                               \
    static __attribute__((noinline)) void chain##_0(int n)                                         \
    {                                                                                              \
        long before = n < 0 ? faults() : 0;                                                        \
        uint64_t begin = now();                                                                    \
        void *volatile p = real_malloc(SIZE + chain##_salt);                                       \
        uint64_t took = now() - begin;                                                             \
        seen = (struct first){took, n < 0 ? faults() - before : 0};                                \
        real_free(p);                                                                              \
    }
#define LINK(chain, i, before)                                                                     \
    static __attribute__((noinline)) void chain##_##i(int n)                                       \
    {                                                                                              \
        volatile int pad[i % 7 + 1];                                                               \
        pad[0] = n;                                                                                \
        chain##_##before(n + i * chain##_salt);                                                    \
        pad[0] += 1;                                                                               \
    }
#define NINE(chain, t, before)                                                                     \
    LINK(chain, t##1, before)                                                                      \
    LINK(chain, t##2, t##1)                                                                        \
    LINK(chain, t##3, t##2)                                                                        \
    LINK(chain, t##4, t##3)                                                                        \
    LINK(chain, t##5, t##4)                                                                        \
    LINK(chain, t##6, t##5)                                                                        \
    LINK(chain, t##7, t##6)                                                                        \
    LINK(chain, t##8, t##7)                                                                        \
    LINK(chain, t##9, t##8)
#define CHAIN(chain)                                                                               \
    FIRST(chain)                                                                                   \
    NINE(chain, , 0)                                                                               \
    NINE(chain, 1, 9)                                                                              \
    NINE(chain, 2, 19)                                                                             \
    LINK(chain, 30, 29)                                                                            \
    LINK(chain, 31, 30)
enum { link_salt = 1, other_salt = 3 }; /* or the compiler takes the one for the other */
CHAIN(link)
CHAIN(other)

struct first first_through_30(bool beside, bool ask_faults)
{
    int n = ask_faults ? -100000 : 0;
    now(); /* bound */
    if (beside)
        other_31(n);
    else
        link_31(n);
    return seen;
}
