/* SPDX-License-Identifier: MIT */
/* C++, Rust and D names as people write them, cut down as pprof does. */
#include "config.h"

#include <errno.h>
#include <libiberty/demangle.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/symbolize.h"

/* libiberty's answer can be exponentially longer than the name (substitutions of substitutions). */
enum { NAME_MAX_LEN = 64 << 10 };

int ht_demangle_parse(const char *word, enum ht_demangle *mode)
{
    static const char *const words[] = {
        [HT_DEMANGLE_DEFAULT] = "default",
        [HT_DEMANGLE_TEMPLATES] = "templates",
        [HT_DEMANGLE_FULL] = "full",
        [HT_DEMANGLE_NONE] = "none",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(word, words[i])) {
            *mode = (enum ht_demangle)i;
            return 0;
        }
    return -EINVAL;
}

/* The length of an operator's symbol after "operator", in which < and > are no brackets. */
static size_t operator_sign(const char *s)
{
    static const char *const signs[] = {"<=>", "<<=", ">>=", "->*", "<<", ">>",
                                        "<=",  ">=",  "->",  "<",   ">",  "()"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (!strncmp(s, signs[i], strlen(signs[i])))
            return strlen(signs[i]);
    return 0;
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Removes the template arguments, in place. Leaves the name unchanged when they do not balance. */
static void drop_templates(char *name)
{
    char *copy = strdup(name), *out = copy;
    size_t depth = 0, parens = 0;
    if (!copy)
        return;
    for (const char *s = name; *s;) {
        if (!strncmp(s, "operator", 8) && (s == name || !word_char(s[-1])) && !word_char(s[8])) {
            size_t n = 8 + operator_sign(s + 8);
            if (!depth) {
                memcpy(out, s, n);
                out += n;
            }
            s += n;
            continue;
        }
        bool arrow = s[0] == '-' && s[1] == '>';
        if (arrow) {
            if (!depth) {
                *out++ = *s;
                *out++ = s[1];
            }
            s += 2;
            continue;
        }
        if (*s == '<' && !parens) {
            /* "operator<< <int>": the space goes with the arguments. */
            if (!depth++ && out > copy && out[-1] == ' ' && s[1] != ' ')
                out--;
        } else if (*s == '>' && !parens) {
            if (!depth)
                goto unbalanced;
            depth--;
        } else {
            /* Inside an argument comparisons are in parentheses, as are function types, whose
             * brackets balance. */
            if (depth && *s == '(')
                parens++;
            else if (depth && *s == ')' && parens)
                parens--;
            if (!depth)
                *out++ = *s;
        }
        s++;
    }
    if (!depth) {
        *out = 0;
        strcpy(name, copy);
    }
unbalanced:
    free(copy);
}

/* Removes each outermost start..end, as pprof does with names that were not mangled. */
static void drop_matching(char *name, char start, char end)
{
    size_t depth = 0, first = 0;
    for (size_t i = 0; name[i]; i++) {
        if (name[i] == start) {
            if (depth++ == 0)
                first = i;
        } else if (name[i] == end) {
            if (depth == 0)
                return;
            if (--depth == 0) {
                memmove(name + first, name + i + 1, strlen(name + i + 1) + 1);
                i = first - 1;
            }
        }
    }
}

/* Removes D's parameters: the last balanced (...), which ends the name. */
static void drop_last_list(char *name)
{
    size_t n = strlen(name), depth = 0;
    if (!n || name[n - 1] != ')')
        return;
    while (n-- > 0) {
        depth += name[n] == ')';
        if (name[n] == '(' && --depth == 0) {
            if (n > 0 && name[n - 1] != '!')
                name[n] = 0;
            return;
        }
    }
}

/* Not Java's "class.<init>" nor Go's "foo.(*Bar[...]).Method". */
static bool looks_like_cxx(const char *s)
{
    return !strstr(s, ".<") && !strstr(s, "]).") && (strpbrk(s, "<>[]") || strstr(s, "::"));
}

static char *cut_clone(char *s)
{
    char *clone = strstr(s, " [clone ");
    if (clone)
        *clone = 0;
    return s;
}

char *ht_demangle(const char *name, enum ht_demangle mode)
{
    char *s = NULL;
    if (mode == HT_DEMANGLE_NONE || strlen(name) > NAME_MAX_LEN)
        return strdup(name);
    if (!strncmp(name, "_R", 2) || (!strncmp(name, "_ZN", 3) && strstr(name, "17h")))
        s = rust_demangle(name, 0);
    if (!s && !strncmp(name, "_D", 2) && (s = dlang_demangle(name, 0)) && mode != HT_DEMANGLE_FULL)
        drop_last_list(s);
    bool cxx = !strncmp(name, "_Z", 2) || !strncmp(name, "___Z", 4);
    if (!s && cxx) {
        bool full = mode == HT_DEMANGLE_FULL;
        s = cplus_demangle_v3(name, DMGL_ANSI | (full ? DMGL_PARAMS : 0));
        if (s && full)
            cut_clone(s);
        if (s && mode == HT_DEMANGLE_DEFAULT)
            drop_templates(s);
    }
    if (s && (!*s || strlen(s) > NAME_MAX_LEN)) {
        free(s);
        s = NULL;
    }
    if (!s && (s = strdup(name)) && mode != HT_DEMANGLE_FULL && looks_like_cxx(s)) {
        drop_matching(s, '(', ')');
        if (mode == HT_DEMANGLE_DEFAULT)
            drop_matching(s, '<', '>');
    }
    return s;
}
