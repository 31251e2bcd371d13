/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cli/run/library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/words.h"

static const char name[] = "libheaptap.so";

/* DIR/MORE/libheaptap.so without links and "..", when it is there. */
static bool found(char path[PATH_MAX], const char *dir, const char *more)
{
    char at[PATH_MAX];
    return (size_t)snprintf(at, sizeof at, "%s/%s/%s", dir, more, name) < sizeof at &&
           !access(at, R_OK) && realpath(at, path);
}

bool ht_library_locate(char path[PATH_MAX])
{
    char own[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    char *slash = n > 0 ? (own[n] = 0, strrchr(own, '/')) : NULL;
    if (slash) {
        *slash = 0;
        if (found(path, own, ".") || found(path, own, HT_LIBDIR_FROM_BINDIR))
            return true;
    }
    return found(path, HT_LIBDIR, ".");
}

int ht_library_find(char path[PATH_MAX])
{
    if (ht_library_locate(path))
        return 0;
    return ht_complain(1, "%s is neither beside this program nor in %s; build or install it", name,
                       HT_LIBDIR);
}

/* Only if this loader's own word for $LIB leads to our library, which it then refuses to load late. */
void ht_library_for_both_abis(char path[PATH_MAX])
{
    char both[PATH_MAX];
    int dir = (int)(strrchr(path, '/') - path);
    if ((size_t)snprintf(both, sizeof both, "%.*s/heaptap-abi/$LIB/%s", dir, path, name) >=
            sizeof both ||
        dlopen(both, RTLD_LAZY))
        return;
    const char *why = dlerror();
    if (why && strstr(why, "cannot be dlopen()ed"))
        strcpy(path, both);
}
