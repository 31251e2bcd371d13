/* SPDX-License-Identifier: MIT */
/* heaptap flame: the flame graph as one HTML file. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "profile/profile.h"
#include "serve/flame.h"
#include "serve/outfile.h"
#include "words.h"

static const char usage[] =
    "usage: heaptap flame SOURCE [-o FILE] [--base=SOURCE] [--title=TEXT]\n\n"
    "Writes the flame graph as one HTML file that needs no network and no server.\n"
    "  -o, --output=FILE   where to (default: flame.html in this directory; - is standard output)\n"
    "  --base=SOURCE       an earlier profile: shows what has changed since\n"
    "  --title=TEXT        the heading (default: the source's name)\n";

static struct ht_profile *read_profile(const char *path)
{
    char msg[512];
    int err;
    struct ht_profile *p = ht_profile_read_file(path, &err, msg, sizeof msg);

    if (!p)
        ht_complain(1, "%s", msg);
    return p;
}

static int write_flame(const char *source, const char *base, const char *title, const char *output)
{
    struct ht_profile *p = read_profile(source), *before = NULL;
    struct ht_outfile out;
    int err;

    if (!p || (base && !(before = read_profile(base)))) {
        ht_profile_destroy(p);
        return 1;
    }
    err = ht_outfile_open(&out, output);
    if (!err)
        err = ht_outfile_close(&out, ht_flame_write(out.f, p, before, title ? title : source));
    ht_profile_destroy(before);
    ht_profile_destroy(p);
    return err ? ht_complain(1, "cannot write %s: %s", output, strerror(-err)) : 0;
}

int ht_cmd_flame(int argc, char **argv)
{
    const char *output = "flame.html", *base = NULL, *title = NULL;
    const struct ht_word_option options[] = {
        {"output", 'o', .value = &output},
        {"base", .value = &base},
        {"title", .value = &title},
        {NULL},
    };
    struct ht_words rest = {0};
    int status = ht_words_read(argc, argv, options, usage, &rest);

    if (status < 0 && rest.n != 1)
        status = ht_complain(2, "flame takes one SOURCE: heaptap flame FILE -o OUT.html");
    if (status < 0)
        status = write_flame(rest.word[0], base, title, output);
    ht_words_finish(&rest);
    return status;
}
