/* SPDX-License-Identifier: MIT */
/* heaptap: finds the command and calls its one function. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/guess.h"
#include "cli/terminal/pager.h"
#include "cli/words.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
#define X(name, fn, help) {name, fn, help},
    HT_COMMANDS(X)
#undef X
        {NULL, NULL, NULL},
};

/* A heading stands above the first command of each group. */
static const char *const groups[][2] = {
    {"run", "Take a profile"},   {"ps", "Look at processes"},    {"top", "Read profiles"},
    {"flame", "Show and share"}, {"merge", "Make new profiles"},
};

static void usage(FILE *out)
{
    fputs("usage: heaptap COMMAND [OPTIONS] ...\n\n"
          "  $ heaptap run -- ./server 8080         # a profile when it ends, and its owners\n"
          "  $ heaptap watch server                 # what grows in it now\n"
          "  $ heaptap owners server.pb.gz          # whose memory it is\n",
          out);
    for (const struct command *c = commands; c->name; c++) {
        for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
            if (!strcmp(groups[i][0], c->name))
                fprintf(out, "\n%s:\n", groups[i][1]);
        fprintf(out, "  %-10s %s\n", c->name, c->help);
    }
    fputs("\n'heaptap COMMAND --help' explains one command.\n", out);
}

static int version(void)
{
    puts("heaptap " HT_VERSION);
    return 0;
}

/* The command has failed when its output could not be written. */
static int end(int status)
{
    bool failed = fflush(stdout) || ferror(stdout);
    if (!ht_pager_finish() && !status && failed)
        return ht_complain(1, "cannot write standard output: %s", strerror(errno ? errno : EIO));
    return status;
}

static const struct command *find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (!strcmp(name, c->name))
            return c;
    return NULL;
}

/* pprof's words for the same, and its reports, which are options there. */
static int unknown(const char *word)
{
    static const char *const pprofs[][2] = {
        {"text", "top"}, {"web", "view"}, {"weblist", "list"}, {"http", "view"}};
    const char *bare = word + strspn(word, "-");
    size_t n = strcspn(bare, "=");
    for (size_t i = 0; i < sizeof(pprofs) / sizeof(pprofs[0]); i++)
        if (strlen(pprofs[i][0]) == n && !strncmp(bare, pprofs[i][0], n))
            bare = pprofs[i][1];
    if (find(bare))
        return ht_complain(2, "unknown command '%s': it is heaptap %s here", word, bare);
    if (access(word, F_OK) == 0)
        return ht_complain(
            2, "%s is a file: which report of it? (heaptap top %s; heaptap --help lists them)",
            word, word);
    struct ht_guess guess = ht_guess(bare, strlen(bare));
    char said[80];
    for (const struct command *c = commands; c->name; c++)
        ht_guess_offer(&guess, c->name);
    return ht_complain(2, "unknown command '%s'%s (heaptap --help lists them)", word,
                       ht_guess_text(&guess, "", said, sizeof(said)));
}

int main(int argc, char **argv)
{
    char dashed[] = "--help";
    char *help[] = {argv[0], argc > 2 ? argv[2] : NULL, dashed, NULL};
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (argc == 3 && !strcmp(argv[1], "help"))
        argv = help;
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        usage(stdout);
        return end(0);
    }
    if (!strcmp(argv[1], "--version"))
        return end(version());
    const struct command *c = find(argv[1]);
    if (!c)
        return unknown(argv[1]);
    return end(argc == 3 && !strcmp(argv[2], "--version") ? version() : c->run(argc - 1, argv + 1));
}
