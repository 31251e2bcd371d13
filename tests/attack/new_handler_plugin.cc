// SPDX-License-Identifier: MIT
// Asks four operators for more than there is. Each must call the new handler, twice, until it takes
// itself away. Returns which did not, a bit each.
#include <cstddef>
#include <new>

static int calls;

static void handler()
{
    if (++calls == 2)
        std::set_new_handler(nullptr);
}

static void begin()
{
    calls = 0;
    std::set_new_handler(handler);
}

extern "C" int run()
{
    volatile std::size_t n = std::size_t(1) << 46;
    const auto align = std::align_val_t(64);
    void *volatile p = nullptr;
    int bad = 0;
    begin();
    try {
        p = operator new(n);
        bad |= 1;
    } catch (const std::bad_alloc &) {
        bad |= calls != 2;
    }
    begin();
    p = operator new(n, std::nothrow);
    bad |= p || calls != 2 ? 2 : 0;
    begin();
    try {
        p = operator new(n, align);
        bad |= 4;
    } catch (const std::bad_alloc &) {
        bad |= calls != 2 ? 4 : 0;
    }
    begin();
    p = operator new(n, align, std::nothrow);
    bad |= p || calls != 2 ? 8 : 0;
    return bad;
}
