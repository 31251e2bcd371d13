/* SPDX-License-Identifier: MIT */
/* Lists what the shell understands, from the tables of reports and of options. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/report/reports.h"
#include "cli/shell/shell.h"

struct word {
    const char *name, *help, *more;
};

#define REPORT_ARGS                                                                                \
    "[N] [-cum] [RE]... [-RE]... [>FILE]: at most N sites, only stacks that match RE, none that\n" \
    "match -RE, into FILE."

static const struct word words[] = {
    {"top", "where the heap is: sites in a flat list",
     "top " REPORT_ARGS "\n-sizes: by object size."},
    {"owners", "whose memory it is: allocation wrappers are passed over", "owners " REPORT_ARGS},
    {"tree", "each site between its callers and callees", "tree " REPORT_ARGS},
    {"peek", "callers and callees of matching functions", "peek RE " REPORT_ARGS},
    {"list", "the source of matching functions, with weights", "list RE " REPORT_ARGS},
    {"traces", "every stack, leaf first", "traces " REPORT_ARGS},
    {"raw", "the profile as it is, in text", "raw [>FILE]"},
    {"tags", "the weight of each value of each label",
     "tags [TAG]... [-TAG]... [>FILE]: samples so labelled, or not."},
    {"folded", "stacks for flamegraph.pl and speedscope", "folded " REPORT_ARGS},
    {"dot", "the call graph for graphviz", "dot " REPORT_ARGS},
    {"svg", "the call graph as SVG", "svg " REPORT_ARGS},
    {"png", "the call graph as PNG", "png " REPORT_ARGS},
    {"proto", "the profile itself, as filtered", "proto >FILE"},
    {"flame", "the flame graph as an HTML file", "flame [FILE]"},
    {"web", "the flame graph in a browser, or where it is", "web [FILE]"},
    {"comments", "what the profile says about itself", "comments"},
    {"options", "all options and their values", "o, options; NAME=VALUE sets one."},
    {"help", "this, or about one word", "help [WORD]"},
    {"quit", "leave", "q, quit, exit, ^D"},
    {":", "clear focus, ignore, hide, show and the tag filters", ":"},
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

const char *ht_shell_word(size_t i, const char **help)
{
    if (i >= N_WORDS)
        return NULL;
    if (help)
        *help = words[i].help;
    return words[i].name;
}

static void print_sample_types(const struct ht_shell *s)
{
    printf("  sample types: ");
    for (size_t i = 0; i < s->profile->n_sample_types; i++)
        printf("%s%s", i ? ", " : "", s->profile->sample_types[i].type);
    putchar('\n');
}

void ht_shell_help(const struct ht_shell *s, const char *word)
{
    const char *help, *name;
    if (!word) {
        for (size_t i = 0; i < N_WORDS; i++)
            printf("  %-10s %s\n", words[i].name, words[i].help);
        puts("  NAME=VALUE sets an option (o lists them); a sample type's name selects it");
        print_sample_types(s);
        return;
    }
    for (size_t i = 0; i < N_WORDS; i++)
        if (!strcmp(words[i].name, word)) {
            printf("%s: %s\n%s\n", word, words[i].help, words[i].more);
            return;
        }
    for (size_t i = 0; (name = ht_report_option_name(i, &help)); i++)
        if (!strcmp(name, word)) {
            printf("%s=%s\n", name, help);
            if (!strcmp(name, "sample_index"))
                print_sample_types(s);
            return;
        }
    fprintf(stderr, "help: no such word or option: %s\n", word);
}

void ht_shell_options(const struct ht_shell *s)
{
    const char *name;
    char value[256];
    for (size_t i = 0; (name = ht_report_option_name(i, NULL)); i++)
        if (*ht_report_option_value(&s->args, i, value, sizeof(value)))
            printf("  %-22s = %s\n", name, value);
    print_sample_types(s);
}
