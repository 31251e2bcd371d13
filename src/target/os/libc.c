/* SPDX-License-Identifier: MIT */
/*
 * Finds each function in the C library's own symbol table, so that a program's definition of the
 * same name is not called in its place.
 */
#include "config.h"

#include "target/os/libc.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "target/os/loader.h"
#include "target/os/machine.h"

/* All written once, before threads; then only read. */
long ht_errno_offset;
int ht_no_errno;
static int (*own_clock_gettime)(clockid_t, struct timespec *);
static unsigned long (*own_getauxval)(unsigned long);
static void *(*own_dlopen)(const char *, int);
static void *(*own_dlsym)(void *, const char *);
static void (*own_abort)(void);
static int (*own_sigrtmin)(void);
static int (*own_at_quick_exit)(void (*)(void *), void *);

void ht_libc_find(void)
{
    if (ht_errno_offset)
        return;
    own_clock_gettime = (__typeof__(own_clock_gettime))ht_libc_symbol("clock_gettime");
    own_getauxval = (__typeof__(own_getauxval))ht_libc_symbol("getauxval");
    own_dlopen = (__typeof__(own_dlopen))ht_libc_symbol("dlopen");
    own_dlsym = (__typeof__(own_dlsym))ht_libc_symbol("dlsym");
    own_abort = (__typeof__(own_abort))ht_libc_symbol("abort");
    own_sigrtmin = (__typeof__(own_sigrtmin))ht_libc_symbol("__libc_current_sigrtmin");
    own_at_quick_exit = (__typeof__(own_at_quick_exit))ht_libc_symbol("__cxa_at_quick_exit");
    int *(*location)(void) = (int *(*)(void))ht_libc_symbol("__errno_location");
    if (location)
        ht_errno_offset = (char *)location() - ht_thread_pointer();
}

int *__errno_location(void)
{
    return ht_errno();
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    return own_clock_gettime ? own_clock_gettime(clock, t) : -1; /* the vDSO's: no system call */
}

unsigned long getauxval(unsigned long type)
{
    return own_getauxval ? own_getauxval(type) : 0;
}

long sysconf(int name)
{
    unsigned long page = getauxval(AT_PAGESZ);
    if (name != _SC_PAGESIZE)
        return -1;
    return page ? (long)page : HT_PAGE_SIZE;
}

void *dlopen(const char *file, int flags)
{
    return own_dlopen ? own_dlopen(file, flags) : NULL;
}

void *dlsym(void *handle, const char *name)
{
    return own_dlsym ? own_dlsym(handle, name) : NULL;
}

char *getenv(const char *name)
{
    size_t n = strlen(name);
    for (char **v = __environ; v && *v; v++)
        if (!strncmp(*v, name, n) && (*v)[n] == '=')
            return *v + n + 1;
    return NULL;
}

int __libc_current_sigrtmin(void)
{
    return own_sigrtmin ? own_sigrtmin() : 34;
}

/* Called by at_quick_exit(), which is linked in. */
int __cxa_at_quick_exit(void (*fn)(void *), void *object);
int __cxa_at_quick_exit(void (*fn)(void *), void *object)
{
    return own_at_quick_exit ? own_at_quick_exit(fn, object) : -1;
}

void abort(void)
{
    if (own_abort)
        own_abort();
    __builtin_trap();
}

/* Called by protobuf-c and zlib when they find their memory overwritten. */
__attribute__((noreturn)) void __assert_fail(const char *what, const char *file, unsigned line,
                                             const char *function);
void __assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
    abort();
}

__attribute__((noreturn)) void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    abort();
}
