/* SPDX-License-Identifier: MIT */
/*
 * A line is an assignment (option=value), a word of the shell, or a report with its arguments. Each
 * report gets a copy of the loaded profile, because it changes it.
 */
#include "config.h"

#include "cli/shell/shell.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report/reports.h"
#include "cli/shell/web.h"
#include "profile/ops.h"

#define MAX_WORDS 64

/* The shell's own copy of a value; NULL when out of memory. */
static const char *keep(struct ht_shell *s, const char *text)
{
    char **more = realloc(s->strings, (s->n_strings + 1) * sizeof(more[0]));
    if (!more)
        return NULL;
    s->strings = more;
    char *copy = strdup(text);
    if (copy)
        s->strings[s->n_strings++] = copy;
    return copy;
}

static void complain(struct ht_shell *s, const char *what, const char *why)
{
    fprintf(stderr, "%s%s%s\n", what, *what ? ": " : "", why);
    s->failed = true;
}

/* "a" and "b" become "a|b": several words of one kind are alternatives. */
static const char *either(struct ht_shell *s, const char *a, const char *b)
{
    char *both;
    if (!a || !*a)
        return keep(s, b);
    if (asprintf(&both, "%s|%s", a, b) < 0)
        return a;
    const char *kept = keep(s, both);
    free(both);
    return kept;
}

static char *trimmed(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    for (size_t n = strlen(s); n && isspace((unsigned char)s[n - 1]);)
        s[--n] = '\0';
    return s;
}

static bool is_sample_type(const struct ht_profile *p, const char *name)
{
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (!strcmp(p->sample_types[i].type, name))
            return true;
    return false;
}

/* Sets an option from name=value, or from the name of a choice alone ("lines", "cum"). False: it
 * is no option. */
static bool assign(struct ht_shell *s, char *line)
{
    char msg[256] = "";
    char *eq = strchr(line, '=');
    if (eq)
        *eq = '\0';
    char *name = trimmed(line), *value = eq ? trimmed(eq + 1) : NULL;
    const char *kept = value ? keep(s, value) : NULL;
    if (!eq && is_sample_type(s->profile, name)) { /* "alloc_space" alone selects it */
        kept = keep(s, name);
        if (kept)
            s->args.report.sample_index = kept;
        return kept != NULL;
    }
    if (value && !strcmp(name, "sample_index") &&
        ht_profile_sample_index(s->profile, kept, msg, sizeof(msg)) < 0) {
        complain(s, "", msg);
        return true;
    }
    int err = ht_report_args_set(&s->args, name, kept, msg, sizeof(msg));
    if (err == -EINVAL)
        complain(s, "", msg);
    if (err == -ENOENT && eq)
        *eq = '=';
    return err != -ENOENT;
}

static void clear_filters(struct ht_shell *s)
{
    struct ht_report_options *r = &s->args.report;
    r->focus = r->ignore = r->hide = r->show = r->show_from = r->prune_from = NULL;
    r->tagfocus = r->tagignore = r->tagshow = r->taghide = NULL;
    r->tagroot = r->tagleaf = r->by = NULL;
}

/* "top10" is "top 10". The digits, or NULL. */
static const char *split_digits(char *word, char *digits, size_t size)
{
    size_t n = strlen(word);
    while (n && isdigit((unsigned char)word[n - 1]))
        n--;
    if (!n || !word[n])
        return NULL;
    snprintf(digits, size, "%s", word + n);
    word[n] = '\0';
    return digits;
}

/* [N] [-cum] [focus]... [-ignore]... [>file] behind a report's name; of tags, focus is on labels.
 */
static bool read_arguments(struct ht_shell *s, struct ht_report_args *a, char **word, size_t n,
                           bool tags)
{
    const char *focus = NULL, *ignore = NULL;
    for (size_t i = 0; i < n; i++) {
        char *end;
        long number = strtol(word[i], &end, 10);
        if (!*end) {
            a->report.nodecount = (int)number;
        } else if (word[i][0] == '>') {
            const char *file = word[i][1] ? word[i] + 1 : i + 1 < n ? word[++i] : NULL;
            if (!file) {
                complain(s, ">", "name a file to write to");
                return false;
            }
            a->output = keep(s, file);
        } else if (!strcmp(word[i], "-cum") || !strcmp(word[i], "--cum")) {
            a->report.cum = true;
        } else if (!strcmp(word[i], "-sizes") || !strcmp(word[i], "--sizes")) {
            a->sizes = true;
        } else if (word[i][0] == '-') {
            ignore = either(s, ignore, word[i] + 1);
        } else {
            focus = either(s, focus, word[i]);
        }
    }
    if (focus)
        *(tags ? &a->report.tagfocus : &a->report.focus) = focus;
    if (ignore)
        *(tags ? &a->report.tagignore : &a->report.ignore) = ignore;
    return true;
}

static void report(struct ht_shell *s, const struct ht_report_command *c, char **word, size_t n)
{
    struct ht_report_args a = s->args;
    a.report.msg = a.msg;
    a.report.msg_size = sizeof(a.msg);
    a.msg[0] = '\0';
    if (c->takes_regex) {
        if (!n) {
            complain(s, c->name, "a regular expression is needed");
            return;
        }
        a.report.symbol = word[0];
        word++;
        n--;
    }
    if (!read_arguments(s, &a, word, n, !strcmp(c->name, "tags")))
        return;
    if (a.report.nodecount < 0 && !strcmp(c->name, "top"))
        a.report.nodecount = 10;
    struct ht_profile *p = ht_profile_copy(s->profile);
    if (!p) {
        complain(s, c->name, "out of memory");
        return;
    }
    if (ht_report_command_run(c, p, &a))
        s->failed = true;
    else if (a.output && *a.output)
        fprintf(stderr, "wrote %s\n", a.output);
    ht_profile_destroy(p);
}

static void comments(const struct ht_shell *s)
{
    for (size_t i = 0; i < s->profile->n_comments; i++)
        puts(s->profile->comments[i]);
}

/* "proto >FILE": writes what the filters leave as a profile. */
static void proto(struct ht_shell *s, char **word, size_t n)
{
    struct ht_report_args a = s->args;
    char msg[256] = "";
    if (!read_arguments(s, &a, word, n, false))
        return;
    if (!a.output || !*a.output) {
        complain(s, "proto", "name a file: proto >FILE");
        return;
    }
    const struct ht_filter filter = ht_report_filter(&a.report);
    struct ht_profile *p = ht_profile_copy(s->profile);
    int err = p ? ht_profile_filter(p, &filter, NULL, msg, sizeof(msg)) : -ENOMEM;
    if (!err)
        err = ht_profile_write_file(p, a.output);
    if (err)
        complain(s, a.output, *msg ? msg : strerror(-err));
    else
        fprintf(stderr, "wrote %s\n", a.output);
    ht_profile_destroy(p);
}

static size_t split(char *line, char **word)
{
    size_t n = 0;
    for (char *save, *w = strtok_r(line, " \t", &save); w && n < MAX_WORDS;
         w = strtok_r(NULL, " \t", &save))
        word[n++] = w;
    return n;
}

static bool carry_out(struct ht_shell *s, char *line)
{
    char *word[MAX_WORDS + 1], digits[32];
    size_t n = split(line, word);
    const struct ht_report_command *c;
    if (!strcmp(word[0], "quit") || !strcmp(word[0], "exit") || !strcmp(word[0], "q"))
        return false;
    if (!strcmp(word[0], "help")) {
        ht_shell_help(s, n > 1 ? word[1] : NULL);
    } else if (!strcmp(word[0], "o") || !strcmp(word[0], "options")) {
        ht_shell_options(s);
    } else if (!strcmp(word[0], "proto")) {
        proto(s, word + 1, n - 1);
    } else if (!strcmp(word[0], "comments")) {
        comments(s);
    } else if (!strcmp(word[0], "web") || !strcmp(word[0], "flame")) {
        if (!ht_shell_web(s->profile, &s->args, n > 1 ? word[1] : NULL, !strcmp(word[0], "web")))
            s->failed = true;
    } else if ((c = ht_report_command_find(word[0]))) {
        report(s, c, word + 1, n - 1);
    } else if (split_digits(word[0], digits, sizeof(digits)) &&
               (c = ht_report_command_find(word[0]))) {
        char *with_count[MAX_WORDS + 1] = {digits};
        memcpy(with_count + 1, word + 1, (n - 1) * sizeof(word[0]));
        report(s, c, with_count, n);
    } else {
        complain(s, word[0], "no such word (help lists them)");
    }
    return true;
}

bool ht_shell_line(struct ht_shell *s, const char *text)
{
    char *copy = strdup(text), *again = strdup(text);
    bool more = true;
    if (copy && again) {
        char *line = trimmed(copy);
        if (!strcmp(line, ":"))
            clear_filters(s);
        else if (*line && *line != '#' && !assign(s, trimmed(again)))
            more = carry_out(s, line);
    }
    free(again);
    free(copy);
    return more;
}
