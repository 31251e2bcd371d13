/* SPDX-License-Identifier: MIT */
/*
 * The library of an allocator that is known by name is looked for in LD_LIBRARY_PATH, in the
 * directories of ld.so.conf, and in the usual ones. Any other word is a path.
 */
#include "config.h"

#include "cli/run/allocator.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run/program.h"

static const struct allocator {
    const char *word, *package, *sonames[5];
} allocators[] = {
    /* "system": the C library comes before the allocator that the program is linked with. */
    {"system", "libc6", {"libc.so.6"}},
    {"jemalloc", "libjemalloc2", {"libjemalloc.so.2", "libjemalloc.so.1", "libjemalloc.so"}},
    {"tcmalloc",
     "libtcmalloc-minimal4",
     {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4", "libtcmalloc_minimal.so", "libtcmalloc.so"}},
    {"mimalloc", "libmimalloc2.0", {"libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so"}},
};

static bool in_directory(const char *dir, size_t n, const struct allocator *a, char *path,
                         size_t size)
{
    for (size_t i = 0; a->sonames[i]; i++)
        if ((size_t)snprintf(path, size, "%.*s/%s", (int)n, dir, a->sonames[i]) < size &&
            ht_program_is_library(path))
            return true;
    return false;
}

/* The lines of a file as ldconfig reads them. */
static bool in_configured(const char *file, const struct allocator *a, char *path, size_t size)
{
    char line[PATH_MAX];
    bool found = false;
    FILE *in = fopen(file, "re");
    while (in && !found && fgets(line, sizeof line, in)) {
        size_t n = strcspn(line, "# \t\r\n");
        found = line[0] == '/' && in_directory(line, n, a, path, size);
    }
    if (in)
        fclose(in);
    return found;
}

static bool find(const struct allocator *a, char *path, size_t size)
{
    static const char *const usual[] = {"/usr/local/lib",
                                        "/lib/x86_64-linux-gnu",
                                        "/usr/lib/x86_64-linux-gnu",
                                        "/lib64",
                                        "/usr/lib64",
                                        "/lib",
                                        "/usr/lib"};
    const char *list = getenv("LD_LIBRARY_PATH");
    for (const char *at = list; at && *at; at += *at == ':') {
        size_t n = strcspn(at, ":");
        if (n && in_directory(at, n, a, path, size))
            return true;
        at += n;
    }
    glob_t files;
    bool found = false;
    if (!glob("/etc/ld.so.conf.d/*.conf", 0, NULL, &files)) {
        for (size_t i = 0; i < files.gl_pathc && !found; i++)
            found = in_configured(files.gl_pathv[i], a, path, size);
        globfree(&files);
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual && !found; i++)
        found = in_directory(usual[i], strlen(usual[i]), a, path, size);
    return found;
}

int ht_allocator_find(const char *word, char *path, size_t size, char *msg, size_t msg_size)
{
    for (size_t i = 0; i < sizeof allocators / sizeof *allocators; i++)
        if (!strcmp(word, allocators[i].word)) {
            if (find(&allocators[i], path, size))
                return 0;
            snprintf(msg, msg_size,
                     "--allocator=%s: %s is not installed (apt-get install %s), or give "
                     "its path",
                     word, allocators[i].sonames[0], allocators[i].package);
            return -ENOENT;
        }
    if (!strchr(word, '/')) {
        snprintf(msg, msg_size,
                 "--allocator=%s: use system, jemalloc, tcmalloc, mimalloc or the path "
                 "of a library",
                 word);
        return -EINVAL;
    }
    char *real = realpath(word, NULL);
    bool usable = real && ht_program_is_library(real) && strlen(real) < size;
    if (usable)
        strcpy(path, real);
    else
        snprintf(msg, msg_size, "--allocator=%s: %s", word,
                 real ? "no shared library for x86-64" : strerror(errno));
    free(real);
    return usable ? 0 : -EINVAL;
}
