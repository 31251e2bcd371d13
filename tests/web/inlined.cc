/* SPDX-License-Identifier: MIT */
/* Allocates in a function that is inlined into two others. inlined COUNT */
#include <cstdlib>
#include <vector>

static std::vector<void *> kept;

static inline __attribute__((always_inline)) void *grab(size_t n)
{
    void *p = malloc(n); /* both ends */
    *static_cast<volatile char *>(p) = 1;
    return p;
}

__attribute__((noinline)) static void few(int n)
{
    for (int i = 0; i < n; i++)
        kept.push_back(grab(4096)); /* of the few */
}

__attribute__((noinline)) static void many(int n)
{
    for (int i = 0; i < n; i++)
        kept.push_back(grab(65536));
}

int main(int, char **argv)
{
    few(atoi(argv[1]));
    many(50);
}
