/* SPDX-License-Identifier: MIT */
/* heaptap merge and heaptap convert: profiles in, one profile out. */
#include "config.h"

#include "cli/commands.h"
#include "cli/source/source.h"
#include "cli/source/write.h"
#include "cli/words.h"
#include "profile/compatible.h"

#define TYPES_HELP                                                                                 \
    "  --types=LIST         keep these sample types alone (inuse_objects,inuse_space): go tool\n"  \
    "                       pprof -base refuses profiles of different ones\n"

static const char merge_usage[] =
    "usage: heaptap merge -o OUT SOURCE...\n\n"
    "Adds the profiles up into one. They must be of the same kind; sample types that not all of\n"
    "them have are left out. A binary that was loaded at different addresses counts as "
    "one.\n\n" HT_WRITE_HELP TYPES_HELP "\n" HT_SOURCE_HELP;

static const char convert_usage[] =
    "usage: heaptap convert SOURCE -o OUT\n\n"
    "Writes a profile in another form.\n\n" HT_WRITE_HELP TYPES_HELP "\n" HT_SOURCE_HELP;

struct wanted {
    const char *output, *format, *types;
};

/* p is used up; NULL: msg says why. */
static int write_as(struct ht_profile *p, const struct wanted *w, char *msg, size_t msg_size)
{
    int status = 0;
    if (!p || (w->types && ht_profile_keep_types(p, w->types, msg, msg_size)))
        status = ht_complain(1, "%s", msg);
    else
        status = ht_write_profile(p, w->output, w->format);
    ht_profile_destroy(p);
    return status;
}

static int write_merged(const struct ht_words *sources, const struct wanted *w)
{
    char msg[512];
    int err = 0;
    return write_as(ht_sources_load((const char *const *)sources->word, sources->n, true, NULL,
                                    &err, msg, sizeof msg),
                    w, msg, sizeof msg);
}

static int write_converted(const char *source, const struct wanted *w)
{
    char msg[512];
    int err = 0;
    return write_as(ht_source_load(source, &err, msg, sizeof msg), w, msg, sizeof msg);
}

static int run(int argc, char **argv, const char *usage, bool merge)
{
    struct wanted w = {0};
    const struct ht_word_option options[] = {
        {"output", 'o', .value = &w.output},
        {"format", .value = &w.format},
        {"types", .value = &w.types},
        {NULL},
    };
    struct ht_words rest = {0};
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && w.format && !ht_write_format_known(w.format))
        status = ht_complain(2, "--format=%s: use pb.gz, pb or text", w.format);
    if (status < 0 && (!w.output || !rest.n || (!merge && rest.n > 1)))
        status = ht_complain(2, merge ? "merge needs -o OUT and SOURCE... (heaptap merge --help)"
                                      : "convert needs one SOURCE and -o OUT (heaptap convert "
                                        "--help)");
    if (status < 0)
        status = merge ? write_merged(&rest, &w) : write_converted(rest.word[0], &w);
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
