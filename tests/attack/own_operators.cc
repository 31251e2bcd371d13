// SPDX-License-Identifier: MIT
// A program with an operator new and an operator delete of its own, and none of the others:
// libstdc++'s reach these. What new gives is no block of malloc's. Returns 3 when one that is not
// its own comes back, 4 when some went past it.
#include <cstdlib>
#include <new>

static constexpr long MARK = 0x1234;
static long made, gone;

__attribute__((noinline)) void *operator new(std::size_t n)
{
    char *p = static_cast<char *>(std::malloc(n + 16));
    if (!p)
        throw std::bad_alloc();
    made++;
    *reinterpret_cast<long *>(p) = MARK;
    return p + 16;
}

__attribute__((noinline)) void operator delete(void *p) noexcept
{
    if (!p)
        return;
    long *head = reinterpret_cast<long *>(static_cast<char *>(p) - 16);
    if (*head != MARK)
        std::_Exit(3);
    gone++;
    std::free(head);
}

struct thing {
    int a[100];
    ~thing()
    {
        a[0] = 0;
    }
};

int main()
{
    for (int i = 0; i < 1000; i++) {
        delete new thing;                // sized
        delete[] new thing[10];          // sized, of an array
        delete new (std::nothrow) thing; // and without a throw
        delete[] new (std::nothrow) char[40000];
        operator delete(operator new(5));
        operator delete[](operator new[](5));
    }
    return made == 6000 && gone == 6000 ? 0 : 4;
}
