/* SPDX-License-Identifier: MIT */
/* Lines from a terminal (readline) or a script (stdio). */
#include "config.h"

#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/shell/shell.h"

#define PROMPT "(heaptap) "

#if HT_READLINE
#include <readline/history.h>
#include <readline/readline.h>

#define HISTORY_LINES 1000

static const struct ht_shell *shell;
static char history[PATH_MAX];
static char word_breaks[] = " \t=";

/* Completes words and options at the start of a line, function names after them. */
static char *next_word(const char *text, int state)
{
    static size_t i;
    const char *name, *value;
    if (!state)
        i = 0;
    while ((name = ht_shell_word(i, NULL))) {
        i++;
        if (!strncmp(name, text, strlen(text)))
            return strdup(name);
    }
    size_t n_words = 0;
    while (ht_shell_word(n_words, NULL))
        n_words++;
    while ((name = ht_report_option_name(i - n_words, &value))) {
        i++;
        if (!strncmp(name, text, strlen(text)))
            return strdup(name);
    }
    return NULL;
}

/* Completes to names that hold the text anywhere, as pprof does. */
static char *next_function(const char *text, int state)
{
    static size_t i;
    if (!state)
        i = 0;
    while (i < shell->profile->n_functions) {
        const char *name = shell->profile->functions[i++]->name;
        if (*name && !strncmp(name, text, strlen(text)))
            return strdup(name);
    }
    return NULL;
}

static char *next_sample_type(const char *text, int state)
{
    static size_t i;
    if (!state)
        i = 0;
    while (i < shell->profile->n_sample_types) {
        const char *name = shell->profile->sample_types[i++].type;
        if (!strncmp(name, text, strlen(text)))
            return strdup(name);
    }
    return NULL;
}

static char **complete(const char *text, int start, int end)
{
    rl_attempted_completion_over = 1; /* never file names */
    rl_completion_append_character = ' ';
    if (start == 0 || !strncmp(rl_line_buffer, "help ", 5))
        return rl_completion_matches(text, next_word);
    if (!strncmp(rl_line_buffer, "sample_index=", 13))
        return rl_completion_matches(text, next_sample_type);
    return rl_completion_matches(text, next_function);
}

static void find_history(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char dir[PATH_MAX - 16];
    if (state && *state == '/')
        snprintf(dir, sizeof(dir), "%s/heaptap", state);
    else if (home && *home == '/')
        snprintf(dir, sizeof(dir), "%s/.local/state/heaptap", home);
    else
        return;
    for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(dir, 0700);
        *p = '/';
    }
    mkdir(dir, 0700);
    snprintf(history, sizeof(history), "%s/history", dir);
}

static void edit_start(struct ht_shell *s)
{
    shell = s;
    setlocale(LC_CTYPE, ""); /* so that the editor takes a character of several bytes for one */
    find_history();
    rl_readline_name = "heaptap";
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = word_breaks;
    using_history();
    stifle_history(HISTORY_LINES);
    if (*history)
        read_history(history);
}

static char *edited_line(void)
{
    char *line = readline(PROMPT);
    if (line && *line)
        add_history(line);
    return line;
}

static void edit_stop(void)
{
    if (*history) {
        mode_t old = umask(077);
        write_history(history);
        umask(old);
    }
}
#endif

static char *plain_line(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n = getline(&line, &size, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    if (n && line[n - 1] == '\n')
        line[n - 1] = '\0';
    return line;
}

/* Without libreadline there is only the terminal's own line editing. */
#if !HT_READLINE
static void edit_start(struct ht_shell *s)
{
}

static char *edited_line(void)
{
    fputs(PROMPT, stdout);
    fflush(stdout);
    return plain_line();
}

static void edit_stop(void)
{
}
#endif

void ht_shell_input_start(struct ht_shell *s)
{
    if (isatty(STDIN_FILENO))
        edit_start(s);
}

char *ht_shell_input(void)
{
    if (!isatty(STDIN_FILENO))
        return plain_line();
    char *line = edited_line();
    if (!line)
        putchar('\n');
    return line;
}

void ht_shell_input_stop(void)
{
    edit_stop();
}
