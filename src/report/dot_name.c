/* SPDX-License-Identifier: MIT */
/* Names short enough for a box: no Go import path, no C++ namespaces before a class. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "report/dot.h"
#include "report/paths.h"

/* Where a name's path part ends: behind the last '/' that only path characters precede. */
static const char *behind_import_path(const char *name)
{
    const char *start = name;
    for (const char *p = name; isalnum((unsigned char)*p) || (*p && strchr("_-./", *p)); p++)
        if (*p == '/' && p > start)
            name = p + 1;
    return name;
}

static size_t identifier(const char *s)
{
    size_t n = 0;
    if (*s == '_' || isalpha((unsigned char)*s))
        while (s[n] == '_' || isalnum((unsigned char)s[n]))
            n++;
    return n;
}

/* "a::b::Class::method<T>(int)" gives "Class::method<T>"; *n is its length. NULL for other
 * names. */
static const char *class_and_method(const char *name, size_t *n)
{
    const char *best = NULL, *part = name;
    size_t len;
    for (size_t parts = 0; (len = identifier(part)) && !strncmp(part + len, "::", 2); parts++) {
        const char *method = part + len + 2;
        const char *first = part + strspn(part, "_");
        size_t tilde = *method == '~', m = identifier(method + tilde);
        if (parts && m && *first >= 'A' && *first <= 'Z') {
            best = part;
            const char *end = method + tilde + m, *close = strrchr(end, '>');
            *n = (size_t)((*end == '<' && close ? close + 1 : end) - best);
        }
        part = method;
    }
    return best;
}

/* Module versions ("/v2") are dropped. */
static void drop_version(char *name)
{
    for (char *v = strstr(name, "/v"); v; v = strstr(v + 1, "/v")) {
        size_t digits = strspn(v + 2, "0123456789");
        char next = v[2 + digits];
        if (digits && v[2] != '0' && (digits > 1 || v[2] >= '2') && (next == '.' || next == '/')) {
            memmove(v, v + 2 + digits, strlen(v + 2 + digits) + 1);
            return;
        }
    }
}

static char *shorten(const char *full)
{
    static const char anonymous[] = "(anonymous namespace)::";
    if (!strncmp(full, anonymous, sizeof(anonymous) - 1))
        full += sizeof(anonymous) - 1;
    char *name = strdup(full);
    if (!name)
        return NULL;
    drop_version(name);
    const char *rest = behind_import_path(name);
    size_t n = strlen(rest);
    if (rest == name) {
        const char *method = class_and_method(name, &n);
        rest = method ? method : rest;
    }
    char *s = strndup(rest, n);
    free(name);
    return s;
}

/* A new line at every "::" and ".", except in Go's "[...]". */
static char *broken(const char *name)
{
    char *text = NULL, *escaped = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&escaped, &size);
    if (!f)
        return NULL;
    ht_dot_escape(f, name);
    fclose(f);
    f = open_memstream(&text, &size);
    for (const char *p = escaped; f && p && *p;) {
        if (!strncmp(p, "[...]", 5)) {
            fputs("[\xe2\x80\xa6]", f);
            p += 5;
        } else if (!strncmp(p, "::", 2)) {
            fputs("\\n", f);
            p += 2;
        } else if (*p == '.') {
            fputs("\\n", f);
            p++;
        } else {
            fputc(*p++, f);
        }
    }
    if (f)
        fclose(f);
    free(escaped);
    return text;
}

void ht_dot_node_name(FILE *out, const struct ht_graph_node_info *info)
{
    struct ht_graph_node_info copy = *info;
    char *name = shorten(info->name), *text = name ? broken(name) : NULL;
    char *file = *info->file ? ht_path_base(info->file) : NULL;
    copy.name = text ? text : "";
    copy.file = file ? file : "";
    char *lines = ht_info_name(&copy, "\\n");
    fprintf(out, "%s\\n", lines ? lines : "");
    free(lines);
    free(file);
    free(text);
    free(name);
}
