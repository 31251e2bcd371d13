/* SPDX-License-Identifier: MIT */
/*
 * Finds and reads the source files that a profile names: the path as it is, or below a directory
 * of the search path and its parents.
 */
#include "config.h"

#include "report/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/paths.h"
#include "util/utf8.h"

/* No source file is longer; a hostile profile may name any file. */
#define MAX_SOURCE (64 << 20)

static FILE *open_plain(const char *path)
{
    struct stat st;
    char bytes[4096];
    if (stat(path, &st)) {
        /* For a path that is not UTF-8 the profile has an escaped text. */
        int error = errno;
        if ((size_t)snprintf(bytes, sizeof bytes, "%s", path) >= sizeof bytes ||
            !ht_utf8_unescape(bytes) || stat(bytes, &st)) {
            errno = error;
            return NULL;
        }
        path = bytes;
    }
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return NULL;
    }
    return fopen(path, "re");
}

static FILE *open_below(const char *dir, size_t n, const char *path)
{
    for (;;) {
        char *name;
        if (asprintf(&name, "%.*s/%s", (int)n, dir, path) < 0)
            return NULL;
        FILE *f = open_plain(name);
        free(name);
        if (f || n == 0)
            return f;
        while (n && dir[n - 1] != '/') /* up to the parent; "/" becomes "" */
            n--;
        while (n && dir[n - 1] == '/')
            n--;
    }
}

static FILE *find(const char *path, const char *search)
{
    if (path[0] == '/')
        return open_plain(path);
    for (const char *d = search; *d;) {
        size_t n = strcspn(d, ":");
        FILE *f = n ? open_below(d, n, path) : NULL;
        if (f)
            return f;
        d += n + (d[n] == ':');
    }
    return NULL;
}

static int read_lines(struct ht_source *s, FILE *f)
{
    size_t size = 0, cap = 0;
    do {
        char *more = realloc(s->text, cap + 65537);
        if (!more)
            return -ENOMEM;
        s->text = more;
        cap += 65536;
        size += fread(s->text + size, 1, cap - size, f);
    } while (size == cap && cap < MAX_SOURCE);
    if (ferror(f))
        return -EIO;
    if (size && s->text[size - 1] != '\n')
        s->text[size++] = '\n';
    for (size_t i = 0; i < size; i++)
        s->n_lines += s->text[i] == '\n';
    s->lines = calloc(s->n_lines + 1, sizeof(s->lines[0]));
    if (!s->lines)
        return -ENOMEM;
    char *at = s->text;
    for (size_t i = 0; i < s->n_lines; i++) {
        char *end = memchr(at, '\n', size - (size_t)(at - s->text));
        s->lines[i] = at;
        *end = '\0';
        if (end > at && end[-1] == '\r')
            end[-1] = '\0';
        at = end + 1;
    }
    return 0;
}

int ht_source_open(struct ht_source *s, const char *name, const char *search, const char *trim,
                   char *msg, size_t msg_size)
{
    char *cwd = NULL;
    *s = (struct ht_source){0};
    if (!search || !*search) {
        cwd = getcwd(NULL, 0);
        search = cwd ? cwd : ".";
    }
    const char *path = ht_path_trim(name, trim, search);
    FILE *f = find(path, search);
    int err = f ? read_lines(s, f) : -ENOENT;
    if (!f && path[0] == '/') {
        err = -errno;
        char *why = strdup(strerror(-err));
        if (why && *why >= 'A' && *why <= 'Z') /* Go's spelling of errno */
            *why = (char)(*why + 32);
        snprintf(msg, msg_size, "open %s: %s", path, why ? why : "");
        free(why);
    } else if (!f) {
        snprintf(msg, msg_size, "could not find file %s on path %s", path, search);
    } else if (err) {
        snprintf(msg, msg_size, "read %s: %s", path, strerror(-err));
    }
    if (f)
        fclose(f);
    if (err)
        ht_source_close(s);
    free(cwd);
    return err;
}

void ht_source_close(struct ht_source *s)
{
    free(s->text);
    free(s->lines);
    *s = (struct ht_source){0};
}

const char *ht_source_line(const struct ht_source *s, int64_t n)
{
    return n >= 1 && (uint64_t)n <= s->n_lines ? s->lines[n - 1] : NULL;
}
