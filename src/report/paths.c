/* SPDX-License-Identifier: MIT */
/* Paths as text: cleaned as Go's path.Clean does, and cut as --trim_path asks. */
#include "config.h"

#include "report/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *ht_path_clean(const char *path)
{
    size_t len = strlen(path);
    char *out = malloc(len + 2);
    if (!out)
        return NULL;
    size_t root = path[0] == '/', n = 0, floor = 0;
    if (root)
        out[n++] = '/';
    for (const char *p = path; *p;) {
        size_t part = strcspn(p, "/");
        if (part == 0) {
            p++;
            continue;
        }
        if (part == 2 && !strncmp(p, "..", 2)) {
            if (n > root && n > floor) { /* take the last element back */
                while (n > root && out[n - 1] != '/')
                    n--;
                if (n > root)
                    n--;
            } else if (!root) {
                if (n)
                    out[n++] = '/';
                memcpy(out + n, "..", 2);
                floor = n += 2;
            }
        } else if (!(part == 1 && *p == '.')) {
            if (n > root)
                out[n++] = '/';
            memcpy(out + n, p, part);
            n += part;
        }
        p += part;
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
    return out;
}

char *ht_path_base(const char *path)
{
    size_t n = strlen(path);
    if (!n)
        return strdup(".");
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t start = n;
    while (start && path[start - 1] != '/')
        start--;
    return start == n ? strdup("/") : strndup(path + start, n - start);
}

static const char *behind_base_of(const char *path, const char *dir, size_t n)
{
    char name[1024];
    while (n > 1 && dir[n - 1] == '/')
        n--;
    size_t start = n;
    while (start && dir[start - 1] != '/')
        start--;
    if (n - start + 3 > sizeof(name))
        return NULL;
    snprintf(name, sizeof(name), "/%.*s/", (int)(n - start), dir + start);
    const char *found = strstr(path, name);
    return found ? found + strlen(name) : NULL;
}

static const char *behind_prefix(const char *path, const char *prefix, size_t n)
{
    if (!n || strncmp(path, prefix, n))
        return NULL;
    if (prefix[n - 1] == '/')
        return path + n;
    return path[n] == '/' ? path + n + 1 : NULL;
}

const char *ht_path_trim(const char *path, const char *trim, const char *search)
{
    static const char cwd[] = "/proc/self/cwd/./";
    const char *rest;
    if (!trim || !*trim)
        for (const char *d = search ? search : ""; *d;) {
            size_t n = strcspn(d, ":");
            if (n && (rest = behind_base_of(path, d, n)))
                return rest;
            d += n + (d[n] == ':');
        }
    for (const char *t = trim ? trim : ""; *t;) {
        size_t n = strcspn(t, ":");
        if ((rest = behind_prefix(path, t, n)))
            return rest;
        t += n + (t[n] == ':');
    }
    if ((rest = behind_prefix(path, cwd, sizeof(cwd) - 1)))
        return rest;
    rest = behind_prefix(path, cwd, sizeof(cwd) - 3);
    return rest ? rest : path;
}
