/* SPDX-License-Identifier: MIT */
/*
 * Looks for the library beside this executable first, then in the installed tree around it, then
 * where the build was configured to install it.
 */
#include "config.h"

#include "cli/run/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/words.h"
#include "region/layout.h"

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

bool ht_library_spell(char path[PATH_MAX])
{
    char dir[64], link[96], there[PATH_MAX];
    struct stat st;
    if (!strpbrk(path, ": "))
        return true;
    size_t n = (size_t)(strrchr(path, '/') - path);
    snprintf(dir, sizeof dir, "/dev/shm/heaptap-%u", (unsigned)geteuid());
    snprintf(link, sizeof link, "%s/lib-%08x", dir, ht_fnv1a(path, n));
    path[n] = 0;
    mkdir(dir, 0700);
    /* The directory must be this user's alone, or another user could make the program load
     * another library. */
    bool good = !lstat(dir, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
                !(st.st_mode & 077) && (!symlink(path, link) || errno == EEXIST);
    ssize_t len = good ? readlink(link, there, sizeof there - 1) : -1;
    good = len == (ssize_t)n && !memcmp(there, path, n);
    path[n] = '/';
    if (good)
        snprintf(path, PATH_MAX, "%s/%s", link, name);
    return good;
}

/* Only if the loader's value of $LIB leads to the library. dlopen tells: it finds the library
 * and refuses to open it (DF_1_NOOPEN). */
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
