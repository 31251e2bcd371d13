/* SPDX-License-Identifier: MIT */
/*
 * HAZARDS 30: libraries opened one after the other at the same addresses. reload [--unseen] FILE...
 * opens each file, calls its function, closes it; "old=new" renames a file first. Prints for every
 * file the size allocated and the address of the function that did it. --unseen: closed by libc's
 * own dlclose, as libc itself does; from the second file on another function of it is called first.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    int (*close)(void *) = dlclose;
    bool unseen = argc > 1 && !strcmp(argv[1], "--unseen");
    if (unseen)
        close = (int (*)(void *))dlsym(dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD), "dlclose");
    for (int i = 1 + unseen; i < argc; i++) {
        char *path = argv[i], *equals = strchr(path, '=');
        if (equals) {
            *equals = 0;
            if (rename(path, equals + 1))
                return 1;
            path = equals + 1;
        }
        void *handle = dlopen(path, RTLD_NOW);
        void *(*allocate)(size_t) = handle ? (void *(*)(size_t))dlsym(handle, "allocate") : NULL;
        if (!allocate) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        if (unseen && i > 2)
            free(((void *(*)(size_t))dlsym(handle, "allocate_too"))(100));
        size_t size = 5000 + (size_t)i * 1000;
        for (int n = 0; n < 3; n++)
            free(allocate(size));
        printf("%zu %p %s\n", size, (void *)(uintptr_t)allocate, path);
        close(handle);
    }
    return 0;
}
