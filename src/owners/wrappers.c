/* SPDX-License-Identifier: MIT */
/* A list of patterns, asked from its end. */
#include "config.h"

#include "owners/wrappers.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1 << 20)

struct rule {
    const char *pattern;
    size_t literal; /* bytes before the first special character: they are compared first */
    bool none, rust;
};

struct ht_wrappers {
    char *text[2]; /* the patterns lie in here */
    struct rule *rules;
    size_t n;
};

static int add_line(struct ht_wrappers *w, char *line)
{
    line += strspn(line, " \t");
    size_t n = strcspn(line, "\r");
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    line[n] = '\0';
    if (!*line || *line == '#')
        return 0;
    struct rule rule = {.none = *line == '!'};
    line += rule.none;
    rule.rust = !strncmp(line, "rust:", 5);
    rule.pattern = line + (rule.rust ? 5 : 0);
    rule.literal = strcspn(rule.pattern, "*?[\\");
    if (!*rule.pattern)
        return -EINVAL;
    if (!(w->n & (w->n - 1))) { /* full at every power of two */
        struct rule *more = reallocarray(w->rules, w->n ? w->n * 2 : 1, sizeof *more);
        if (!more)
            return -ENOMEM;
        w->rules = more;
    }
    w->rules[w->n++] = rule;
    return 0;
}

/* Splits the text into lines. *bad gets the number of a line that cannot be used. */
static int add_text(struct ht_wrappers *w, char *text, size_t *bad)
{
    int err = 0;
    *bad = 0;
    for (char *next; !err && text; text = next) {
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        ++*bad;
        err = add_line(w, text);
    }
    return err;
}

static int read_file(const char *path, char **text, char *msg, size_t size)
{
    FILE *f = fopen(path, "re");
    size_t n = 0;
    int err = 0;
    if (!f || !(*text = malloc(FILE_MAX + 1))) {
        err = errno ? -errno : -ENOMEM;
    } else {
        n = fread(*text, 1, FILE_MAX + 1, f);
        err = ferror(f) ? -errno : 0;
    }
    if (f)
        fclose(f);
    if (err)
        snprintf(msg, size, "--wrappers=%s: %s", path, strerror(-err));
    else if (n > FILE_MAX || memchr(*text, 0, n))
        snprintf(msg, size, "--wrappers=%s: not a list of names, one a line", path), err = -EINVAL;
    else
        (*text)[n] = '\0';
    return err;
}

struct ht_wrappers *ht_wrappers_create(const char *file, int *err, char *msg, size_t msg_size)
{
    struct ht_wrappers *w = calloc(1, sizeof *w);
    size_t line = 0;
    *err = -ENOMEM;
    if (w && (w->text[0] = strndup(ht_wrappers_text, ht_wrappers_text_size)))
        *err = add_text(w, w->text[0], &line);
    if (!*err && file && *file) {
        *err = read_file(file, &w->text[1], msg, msg_size);
        if (!*err && (*err = add_text(w, w->text[1], &line)) == -EINVAL)
            snprintf(msg, msg_size, "--wrappers=%s: line %zu: a name is missing", file, line);
    }
    if (!*err)
        return w;
    if (*err == -ENOMEM)
        snprintf(msg, msg_size, "out of memory");
    ht_wrappers_destroy(w);
    return NULL;
}

void ht_wrappers_destroy(struct ht_wrappers *w)
{
    if (!w)
        return;
    free(w->text[0]);
    free(w->text[1]);
    free(w->rules);
    free(w);
}

/* Rust's symbols: _R..., or _ZN...17h, 16 digits and E. */
static bool is_rust(const char *symbol)
{
    size_t n = strlen(symbol);
    return !strncmp(symbol, "_R", 2) ||
           (!strncmp(symbol, "_ZN", 3) && n > 23 && !strncmp(symbol + n - 20, "17h", 3));
}

/* The name without what the compiler added to a copy (".part.0") and without parameters. */
static void bare_name(const char *name, char *out, size_t size)
{
    static const char *const added[] = {".part.",    ".isra.", ".constprop.", ".cold", ".llvm.",
                                        ".lto_priv", "@"};
    if (!strncmp(name, "__GI_", 5)) /* glibc's internal name */
        name += 5;
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        const char *at = strstr(name, added[i]);
        if (at && at > name && (size_t)(at - name) < n)
            n = (size_t)(at - name);
    }
    if (n > 1 && name[n - 1] == ')' && strncmp(name + n - 2, "()", 2) != 0) {
        int depth = 0;
        for (size_t i = n; i-- > 0;) {
            depth += (name[i] == ')') - (name[i] == '(');
            if (!depth) {
                n = i ? i : n;
                break;
            }
        }
    }
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), name);
}

enum ht_wrapper_rule ht_wrappers_ask(const struct ht_wrappers *w, const char *name,
                                     const char *symbol)
{
    char bare[512];
    bool rust = is_rust(symbol);
    bare_name(name, bare, sizeof bare);
    for (size_t i = w->n; i-- > 0;) {
        const struct rule *r = &w->rules[i];
        if ((r->rust && !rust) || strncmp(r->pattern, bare, r->literal) != 0)
            continue;
        if (!fnmatch(r->pattern + r->literal, bare + r->literal, 0))
            return r->none ? HT_NO_WRAPPER : HT_WRAPPER;
    }
    return HT_WRAPPER_UNKNOWN;
}

int ht_wrappers_is_start(const char *name)
{
    static const char *const starts[] = {"_start",
                                         "__libc_start_main",
                                         "__libc_start_main_impl",
                                         "__libc_start_main@@GLIBC_2.34",
                                         "__libc_start_call_main",
                                         "start_thread",
                                         "clone",
                                         "clone3",
                                         "__clone",
                                         "__clone3",
                                         "_dl_start",
                                         "_dl_start_user",
                                         "_dl_start_final",
                                         "_dl_sysdep_start",
                                         "dl_main"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (!strcmp(starts[i], name))
            return 1;
    return 0;
}
