/* SPDX-License-Identifier: MIT */
/* heaptap push: one profile to a continuous profiler. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/push/address.h"
#include "cli/source/source.h"
#include "cli/web/push.h"
#include "cli/web/token.h"
#include "cli/words.h"
#include "profile/ops.h"
#include "symbolize/symbolize.h"

static const char usage[] =
    "usage: heaptap push [OPTIONS] URL SOURCE\n\n"
    "Sends a profile to a continuous profiler that has Pyroscope's /ingest, as pprof.\n"
    "  --name=NAME        the application, with labels if any, as in 'shop{region=eu}'\n"
    "                     (default: the profile's program)\n"
    "  --token-file=FILE  sends the bearer token that FILE holds\n"
    "  --tenant=ID        sends X-Scope-OrgID: ID\n\n" HT_SOURCE_HELP;

static const char *program_of(const struct ht_profile *p)
{
    const char *file = p->n_mappings ? p->mappings[0]->file : "", *slash = strrchr(file, '/');

    return *file ? (slash ? slash + 1 : file) : "heaptap";
}

static int push(const char *url, const char *source, struct ht_push_options *o)
{
    char msg[1024] = "";
    int err = 0;
    const struct ht_symbolize_options names = {.lines_and_inlines = true};
    const struct ht_source_options how = {.symbolize = &names, .files_too = true};
    /* The server does not have the binaries, so the profile must have names. */
    struct ht_profile *p = ht_source_load_with(source, &how, &err, msg, sizeof msg);

    if (p)
        err = ht_profile_remove_uninteresting(p, msg, sizeof msg);
    if (p && !err) {
        if (!o->name)
            o->name = program_of(p);
        err = ht_push(url, p, o, msg, sizeof msg);
    }
    ht_profile_destroy(p);
    return !p || err ? ht_complain(1, "%s", msg) : 0;
}

int ht_cmd_push(int argc, char **argv)
{
    struct ht_push_options o = {0};
    const char *token_file = NULL;
    char token[HT_TOKEN_SIZE];
    const struct ht_word_option options[] = {
        {"name", .value = &o.name},
        {"token-file", .value = &token_file},
        {"tenant", .value = &o.tenant},
        {NULL},
    };
    struct ht_words rest = {0};
    int status = ht_words_read(argc, argv, options, usage, &rest);

    if (status < 0 && (rest.n != 2 || !ht_url_has_scheme(rest.word[0])))
        status =
            ht_complain(2, "push takes a URL and a SOURCE: heaptap push http://HOST:4040 FILE");
    if (status < 0 && token_file) {
        if (ht_token_read(token_file, token))
            status = 1;
        o.token = token;
    }
    if (status < 0) {
        char *url = ht_push_url_take(rest.word[0]);
        status = url ? push(url, rest.word[1], &o) : ht_complain(1, "out of memory");
        free(url);
    }
    ht_words_finish(&rest);
    return status;
}
