// SPDX-License-Identifier: MIT
// C++ containers: operator new and delete as programs meet them. A round is an element put in.
#include "load.h"

#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

// A container is filled and dropped again and again, so many elements at a time.
static const long FILL = 10000;

template <typename Fill> static void *filled(void *arg, Fill fill)
{
    uint64_t x = load_seed(arg);
    for (long i = 0; i < load_rounds; i += FILL)
        fill(x);
    return nullptr;
}

static void *map(void *arg)
{
    return filled(arg, [](uint64_t &x) {
        std::map<uint64_t, uint64_t> m;
        for (long i = 0; i < FILL; i++)
            m[load_next(&x)] = x;
    });
}

static void *unordered_map(void *arg)
{
    return filled(arg, [](uint64_t &x) {
        std::unordered_map<uint64_t, uint64_t> m;
        for (long i = 0; i < FILL; i++)
            m[load_next(&x)] = x;
    });
}

// A hundred vectors that grow to a hundred elements.
static void *vector(void *arg)
{
    return filled(arg, [](uint64_t &x) {
        for (long i = 0; i < FILL / 100; i++) {
            std::vector<uint64_t> v;
            for (int k = 0; k < 100; k++)
                v.push_back(load_next(&x));
            __asm__ volatile("" ::"r"(v.data()) : "memory");
        }
    });
}

static void *string(void *arg)
{
    return filled(arg, [](uint64_t &x) {
        std::vector<std::string> v;
        for (long i = 0; i < FILL; i++)
            v.emplace_back(16 + load_next(&x) % 100, 'x');
    });
}

static void *list(void *arg)
{
    return filled(arg, [](uint64_t &x) {
        std::list<uint64_t> l;
        for (long i = 0; i < FILL; i++)
            l.push_back(load_next(&x));
    });
}

extern "C" const struct load loads[] = {
    {"map", map, 400000, 20000, 0},         {"unordered_map", unordered_map, 1000000, 50000, 0},
    {"vector", vector, 4000000, 200000, 0}, {"string", string, 1000000, 50000, 0},
    {"list", list, 2000000, 100000, 0},     {nullptr, nullptr, 0, 0, 0},
};
