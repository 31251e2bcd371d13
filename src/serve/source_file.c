/* SPDX-License-Identifier: MIT */
/*
 * /api/source?file=PATH: a source file as plain text. A profile is not trusted, so a path is opened
 * only when the target's profile names it and it is, after links are resolved, below an allowed
 * root: a profile that names /etc/shadow gets nothing.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/profile.h"
#include "serve/http.h"

#define MAX_SOURCE (8 * 1024 * 1024)

static bool named(const struct ht_profile *p, const char *file)
{
    for (size_t i = 0; i < p->n_functions; i++)
        if (!strcmp(p->functions[i]->filename, file))
            return true;
    return false;
}

static bool below(const char *real, const char *root)
{
    char at[PATH_MAX];
    if (!realpath(root, at))
        return false;
    size_t n = strlen(at);
    if (n == 1)
        return true;
    return !strncmp(real, at, n) && real[n] == '/';
}

/* The file's own path, or under each root for a path that is relative or from another machine. */
static bool resolve(const struct ht_server *s, const char *file, char *real)
{
    char path[PATH_MAX];
    for (size_t i = 0; i <= s->o.n_source_roots; i++) {
        int n = i == 0 ? snprintf(path, sizeof path, "%s", *file == '/' ? file : "")
                       : snprintf(path, sizeof path, "%s/%s", s->o.source_roots[i - 1], file);

        if (n <= 0 || (size_t)n >= sizeof path || !realpath(path, real))
            continue;
        for (size_t k = 0; k < s->o.n_source_roots; k++)
            if (below(real, s->o.source_roots[k]))
                return true;
    }
    return false;
}

static int read_file(const char *path, char **data, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), err = 0;
    size_t got = 0;
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st))
        err = -errno;
    else if (!S_ISREG(st.st_mode))
        err = -EACCES;
    else if (st.st_size > MAX_SOURCE)
        err = -EFBIG;
    *data = err ? NULL : malloc((size_t)st.st_size + 1);
    if (!err && !*data)
        err = -ENOMEM;
    while (!err && got < (size_t)st.st_size) {
        ssize_t n = read(fd, *data + got, (size_t)st.st_size - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = -errno;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    close(fd);
    if (err)
        free(*data);
    *size = got;
    return err;
}

enum MHD_Result ht_get_source(const struct ht_request *r)
{
    const char *file = ht_query(r, "file");
    char real[PATH_MAX], *data = NULL;
    size_t size = 0;
    if (!file || !*file)
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "which file? /api/source?file=PATH");
    enum MHD_Result answer;
    char id[32];
    if (!ht_request_target(r, id, &answer))
        return answer;
    bool known = ht_source_names_have(&r->s->source_names, id, file);
    if (!known) {
        struct ht_profile *p = ht_request_profile(r, true, &answer);
        if (!p)
            return answer;
        known = named(p, file);
        ht_source_names_learn(&r->s->source_names, id, p);
        ht_profile_destroy(p);
    }
    if (!known)
        return ht_answer_error(r, MHD_HTTP_FORBIDDEN, "the profile names no such source file");
    if (!resolve(r->s, file, real))
        return ht_answer_error(r, MHD_HTTP_NOT_FOUND,
                               "not found below the directories that sources are shown from; "
                               "start with --source-root=DIR to add one");
    int err = read_file(real, &data, &size);
    if (err)
        return ht_answer_error(r, MHD_HTTP_NOT_FOUND, "cannot read it: %s", strerror(-err));
    return ht_answer(r, MHD_HTTP_OK, "text/plain; charset=utf-8", NULL, data, size);
}
