/* SPDX-License-Identifier: MIT */
/* Reading the arguments of the commands that write pages and serve them. */
#ifndef HEAPTAP_SRC_CLI_WORDS_H
#define HEAPTAP_SRC_CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Strings in the order given; the strings are argv's. */
struct ht_words {
    char **word;
    size_t n;
};

/* Exactly one of value, flag and list is set. */
struct ht_word_option {
    const char *name; /* NULL ends a table */
    char letter;      /* 0 when it has none */
    const char **value;
    bool *flag;
    struct ht_words *list;
};

/*
 * Reads argv[1..]; what is no option goes to rest. --name=value, --name value, -name=value and
 * -l value are understood, and -- ends the options. Returns -1 to go on, else the exit status:
 * 0 when --help has been printed, 2 when an argument cannot be used (a line has been printed).
 */
int ht_words_read(int argc, char **argv, const struct ht_word_option *options, const char *usage,
                  struct ht_words *rest);

void ht_words_finish(struct ht_words *w);

/* Prints a line about what was read, if it is not the same as the last one, nor empty. Not
 * thread-safe. */
void ht_note(const char *line);

/* Prints "heaptap: ..." and gives status. */
int ht_complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
