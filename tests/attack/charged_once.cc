// SPDX-License-Identifier: MIT
// 100,000 objects of 960 bytes by the way that the argument says; exits 3 when there is none such.
#include <cstdlib>
#include <malloc.h>
#include <new>

static const std::align_val_t LINE{64}, USUAL{16}; // what malloc aligns to, asked for all the same

__attribute__((noinline)) static void *get(int way)
{
    void *p = nullptr;
    switch (way) {
    case 0:
        p = malloc(960);
        break;
    case 1:
        p = calloc(1, 960);
        break;
    case 2:
        p = realloc(nullptr, 960);
        break;
    case 3:
        p = reallocarray(nullptr, 2, 480);
        break;
    case 4:
        p = memalign(64, 960);
        break;
    case 5:
        p = aligned_alloc(64, 960);
        break;
    case 6:
        p = posix_memalign(&p, 64, 960) ? nullptr : p;
        break;
    case 7:
        p = valloc(960);
        break;
    case 8:
        p = ::operator new(960);
        break;
    case 9:
        p = ::operator new[](960);
        break;
    case 10:
        p = ::operator new(960, std::nothrow);
        break;
    case 11:
        p = ::operator new[](960, std::nothrow);
        break;
    case 12:
        p = ::operator new(960, LINE);
        break;
    case 13:
        p = ::operator new[](960, LINE);
        break;
    case 14:
        p = ::operator new(960, LINE, std::nothrow);
        break;
    case 15:
        p = ::operator new[](960, LINE, std::nothrow);
        break;
    case 16:
        p = ::operator new(960, USUAL);
        break;
    default:
        exit(3);
    }
    __asm__ volatile("" : "+r"(p)::"memory");
    return p;
}

int main(int argc, char **argv)
{
    int way = atoi(argv[argc - 1]);
    for (int i = 0; i < 100000; i++) {
        void *p = get(way);
        if (!p)
            return 1;
        switch (way) {
        case 16:
            ::operator delete(p, USUAL);
            break;
        case 8:
        case 10:
            ::operator delete(p);
            break;
        case 9:
        case 11:
            ::operator delete[](p);
            break;
        case 12:
        case 14:
            ::operator delete(p, LINE);
            break;
        case 13:
        case 15:
            ::operator delete[](p, LINE);
            break;
        default:
            free(p);
        }
    }
    return 0;
}
