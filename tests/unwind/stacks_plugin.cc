// SPDX-License-Identifier: MIT
// A C++ library opened at run time: virtual calls, closures, an exception caught above the probe.
#include <functional>
#include <stdexcept>

#include "stacks.h"

namespace
{
struct Base {
    virtual ~Base() = default;
    virtual void go(int n, const std::function<void()> &f) = 0;
};
struct Derived : Base {
    __attribute__((noinline)) void go(int n, const std::function<void()> &f) override
    {
        if (n > 1)
            go(n - 1, f);
        else
            f();
        KEEP_FRAME();
    }
};
} // namespace

extern "C" __attribute__((visibility("default"))) void plugin_run(int n, then_fn then, void *arg)
{
    Derived d;
    Base *b = &d;
    try {
        b->go(n, [&] {
            then(arg);
            throw std::runtime_error("unwinds through the same frames");
        });
    } catch (const std::runtime_error &) {
    }
}
