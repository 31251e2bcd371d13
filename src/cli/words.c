/* SPDX-License-Identifier: MIT */
/* Looks each option up in the command's own table, by its name or its letter. */
#include "config.h"

#include "cli/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/guess.h"
#include "cli/terminal/help.h"
#include "util/utf8.h"

int ht_complain(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char text[8192];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ht_plain_text(text, true);
    fprintf(stderr, "heaptap: %s\n", text);
    return status;
}

void ht_note(const char *line)
{
    static char last[1024];
    if (!*line || !strcmp(line, last))
        return;
    snprintf(last, sizeof last, "%s", line);
    ht_complain(0, "%s", line);
}

static bool append(struct ht_words *w, char *word)
{
    char **more = reallocarray(w->word, w->n + 1, sizeof *more);
    if (!more)
        return false;
    w->word = more;
    w->word[w->n++] = word;
    return true;
}

static const struct ht_word_option *find(const struct ht_word_option *options, const char *name,
                                         size_t n)
{
    for (; options->name; options++)
        if ((strlen(options->name) == n && !strncmp(options->name, name, n)) ||
            (n == 1 && options->letter == *name))
            return options;
    return NULL;
}

/* Reads one option at argv[*i]; its value may be the next argument. -1 or 2. */
static int option(int argc, char **argv, int *i, const struct ht_word_option *options)
{
    char *arg = argv[*i], *name = arg + (arg[1] == '-' ? 2 : 1), *value = strchr(name, '=');
    const struct ht_word_option *o =
        find(options, name, value ? (size_t)(value - name) : strlen(name));

    if (!o) {
        struct ht_guess guess = ht_guess(name, value ? (size_t)(value - name) : strlen(name));
        char said[80];
        for (o = options; o->name; o++)
            ht_guess_offer(&guess, o->name);
        return ht_complain(2, "unknown option '%s'%s (heaptap %s --help lists them)", arg,
                           ht_guess_text(&guess, "--", said, sizeof said), argv[0]);
    }
    if (o->flag) {
        if (value)
            return ht_complain(2, "--%s takes no value", o->name);
        *o->flag = true;
        return -1;
    }
    if (value)
        value++;
    else if (*i + 1 < argc)
        value = argv[++*i];
    else
        return ht_complain(2, "--%s needs a value", o->name);
    if (o->value)
        *o->value = value;
    else if (!append(o->list, value))
        return ht_complain(2, "out of memory");
    return -1;
}

int ht_words_read(int argc, char **argv, const struct ht_word_option *options, const char *usage,
                  struct ht_words *rest)
{
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        if (ended || argv[i][0] != '-' || !argv[i][1]) {
            if (!append(rest, argv[i]))
                return ht_complain(2, "out of memory");
        } else if (!strcmp(argv[i], "--")) {
            ended = true;
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            ht_help_print(usage);
            return 0;
        } else if (option(argc, argv, &i, options) >= 0) {
            return 2;
        }
    }
    return -1;
}

void ht_words_finish(struct ht_words *w)
{
    free(w->word);
    w->word = NULL;
    w->n = 0;
}
