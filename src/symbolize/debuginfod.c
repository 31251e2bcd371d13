/* SPDX-License-Identifier: MIT */
/* elfutils' debuginfod client, loaded only when its servers are configured: linking with it would
 * bring curl and TLS into every run. Its functions are those of elfutils/debuginfod.h. */
#include "config.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbolize/find.h"

typedef void client;
typedef client *(*begin_fn)(void);
typedef void (*end_fn)(client *);
typedef int (*progress_fn)(client *, long a, long b);
typedef void (*set_progress_fn)(client *, progress_fn);
typedef void (*set_data_fn)(client *, void *);
typedef void *(*get_data_fn)(client *);
typedef int (*find_fn)(client *, const unsigned char *build_id, int len, char **path);

/* For the client's progress function, which gets no argument of the caller's. */
struct waiting {
    bool (*fn)(void *arg);
    void *arg;
};

static get_data_fn get_data;

static int progress(client *c, long a, long b)
{
    const struct waiting *w = get_data(c);
    return w && w->fn && !w->fn(w->arg); /* not 0: the client gives up */
}

char *ht_debuginfod_fetch(const char *build_id, const char *kind, bool (*waiting)(void *arg),
                          void *waiting_arg)
{
    const char *urls = getenv("DEBUGINFOD_URLS");
    if (!urls || !*urls)
        return NULL;
    void *lib = dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (!lib)
        return NULL;
    begin_fn begin = (begin_fn)dlsym(lib, "debuginfod_begin");
    end_fn end = (end_fn)dlsym(lib, "debuginfod_end");
    find_fn find = (find_fn)dlsym(lib, !strcmp(kind, "debuginfo") ? "debuginfod_find_debuginfo"
                                                                  : "debuginfod_find_executable");
    set_progress_fn set_progress = (set_progress_fn)dlsym(lib, "debuginfod_set_progressfn");
    set_data_fn set_data = (set_data_fn)dlsym(lib, "debuginfod_set_user_data");
    get_data = (get_data_fn)dlsym(lib, "debuginfod_get_user_data");
    struct waiting w = {waiting, waiting_arg};
    client *c = begin && end && find ? begin() : NULL;
    char *path = NULL;
    if (c) {
        if (set_progress && set_data && get_data) {
            set_data(c, &w);
            set_progress(c, progress);
        }
        /* A length of 0 says that the id is a hex string. */
        int fd = find(c, (const unsigned char *)build_id, 0, &path);
        if (fd >= 0)
            close(fd);
        else
            path = NULL;
        end(c);
    }
    /* Not closed: curl's and TLS's exit handlers stay registered. */
    return path;
}
