/* SPDX-License-Identifier: MIT */
/*
 * churn PLUGIN...: threads allocate while the first one loads and unloads libraries: by dlopen and
 * dlclose, and by iconv, whose modules the C library unloads for itself, unseen by any hook. Each
 * plugin is a reload_plugin and allocates a block of its own size. Prints the size, and how often.
 */
#include <dlfcn.h>
#include <iconv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 300

static _Atomic int stop;
static void *volatile sink;

static void *allocate(void *unused)
{
    while (!atomic_load(&stop)) {
        void *p = malloc(100);
        sink = p;
        free(p);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, allocate, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        static const char *const charsets[] = {"UTF-16", "EUC-JP", "KOI8-R", "BIG5", "IBM850"};
        iconv_t c = iconv_open("UTF-8", charsets[round % 5]);
        int i = 1 + round % (argc - 1);
        void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        void *(*call)(size_t) = library ? (void *(*)(size_t))dlsym(library, "allocate") : NULL;
        if (!call)
            return fprintf(stderr, "%s\n", dlerror()), 1;
        free(call(5000 + 1000 * (size_t)i));
        if (c != (iconv_t)-1)
            iconv_close(c);
        dlclose(library);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < argc; i++)
        printf("%s %d %d\n", argv[i], 5000 + 1000 * i, ROUNDS / (argc - 1));
    return 0;
}
