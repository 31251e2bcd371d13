// SPDX-License-Identifier: MIT
// h20_allocator, its functions in a version: H52_VERSION(2.2.5) is "@GLIBC_2.2.5" (not the default, as in libc_malloc_debug.so), or
// "@@GLIBC_2.2.5", or one that nobody asks for.
#define malloc own_malloc
#define free own_free
#define calloc own_calloc
#define realloc own_realloc
#define memalign own_memalign
#define aligned_alloc own_aligned_alloc
#define posix_memalign own_posix_memalign
#define malloc_usable_size own_malloc_usable_size
#include "h20_allocator.c"
#define VERSION(name, version) __asm__(".symver own_" #name ", " #name H52_VERSION(version));
VERSION(malloc, "2.2.5")
VERSION(free, "2.2.5")
VERSION(calloc, "2.2.5")
VERSION(realloc, "2.2.5")
VERSION(memalign, "2.2.5")
VERSION(aligned_alloc, "2.16")
VERSION(posix_memalign, "2.2.5")
VERSION(malloc_usable_size, "2.2.5")
