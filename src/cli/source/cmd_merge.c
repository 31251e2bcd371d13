/* SPDX-License-Identifier: MIT */
/* heaptap merge and heaptap convert: profiles in, one profile out. */
#include "config.h"

#include "cli/commands.h"
#include "cli/source/source.h"
#include "cli/source/write.h"
#include "cli/words.h"

static const char merge_usage[] =
    "usage: heaptap merge -o OUT SOURCE...\n\n"
    "Adds the profiles up into one. They must be of the same kind; sample types that not all of\n"
    "them have are left out. A binary that was loaded at different addresses counts as "
    "one.\n\n" HT_WRITE_HELP "\n" HT_SOURCE_HELP;

static const char convert_usage[] =
    "usage: heaptap convert SOURCE -o OUT\n\n"
    "Writes a profile in another form.\n\n" HT_WRITE_HELP "\n" HT_SOURCE_HELP;

static int write_merged(const struct ht_words *sources, const char *output, const char *format)
{
    char msg[512];
    int err = 0;
    struct ht_profile *merged = ht_sources_load((const char *const *)sources->word, sources->n,
                                                true, NULL, &err, msg, sizeof(msg));
    int status = merged ? ht_write_profile(merged, output, format) : ht_complain(1, "%s", msg);
    ht_profile_destroy(merged);
    return status;
}

static int write_converted(const char *source, const char *output, const char *format)
{
    char msg[512];
    int err = 0;
    struct ht_profile *p = ht_source_load(source, &err, msg, sizeof(msg));
    int status = p ? ht_write_profile(p, output, format) : ht_complain(1, "%s", msg);
    ht_profile_destroy(p);
    return status;
}

static int run(int argc, char **argv, const char *usage, bool merge)
{
    const char *output = NULL, *format = NULL;
    const struct ht_word_option options[] = {
        {"output", 'o', .value = &output},
        {"format", .value = &format},
        {NULL},
    };
    struct ht_words rest = {0};
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && format && !ht_write_format_known(format))
        status = ht_complain(2, "--format=%s: use pb.gz, pb or text", format);
    if (status < 0 && (!output || !rest.n || (!merge && rest.n > 1)))
        status = ht_complain(2, merge ? "merge needs -o OUT and SOURCE... (heaptap merge --help)"
                                      : "convert needs one SOURCE and -o OUT (heaptap convert "
                                        "--help)");
    if (status < 0)
        status = merge ? write_merged(&rest, output, format)
                       : write_converted(rest.word[0], output, format);
    ht_words_finish(&rest);
    return status;
}

int ht_cmd_merge(int argc, char **argv)
{
    return run(argc, argv, merge_usage, true);
}

int ht_cmd_convert(int argc, char **argv)
{
    return run(argc, argv, convert_usage, false);
}
