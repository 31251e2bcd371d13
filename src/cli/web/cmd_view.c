/* SPDX-License-Identifier: MIT */
/* heaptap view: the web page for one profile, or two compared. */
#include "config.h"

#include "cli/commands.h"
#include "cli/source/source.h"
#include "cli/web/serving.h"

static const char usage[] =
    "usage: heaptap view [OPTIONS] SOURCE\n"
    "       heaptap view [OPTIONS] OLD NEW\n\n"
    "Serves the web page for a profile, or for what changed between two.\n" HT_SERVING_HELP
    "  --no-browser            does not open the page on a desktop\n\n" HT_SOURCE_HELP;

int ht_cmd_view(int argc, char **argv)
{
    struct ht_serving s = {.keep_views = true};
    const struct ht_word_option options[] = {HT_SERVING_OPTIONS(&s), {NULL}};
    struct ht_words sources = {0};
    int status = ht_words_read(argc, argv, options, usage, &sources);

    if (status < 0 && (sources.n < 1 || sources.n > 2))
        status = ht_complain(2, "view takes one SOURCE, or two: heaptap view OLD NEW");
    if (status < 0)
        status = ht_serving_sources(&s, sources.word, sources.n, sources.n == 2);
    ht_words_finish(&sources);
    ht_serving_finish(&s);
    return status;
}
