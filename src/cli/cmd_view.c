/* SPDX-License-Identifier: MIT */
/* heaptap view: the web page for one file, or two compared. */
#include "config.h"

#include "cli/commands.h"
#include "profile/profile.h"
#include "cli/serving.h"

static const char usage[] =
    "usage: heaptap view [OPTIONS] FILE\n"
    "       heaptap view [OPTIONS] OLD NEW\n\n"
    "Serves the web page for a profile, or for what changed between two.\n" HT_SERVING_HELP
    "  --no-browser            does not open the page on a desktop\n";

/* A file that cannot be read is said now, not in the browser. */
static int try_files(const struct ht_words *files)
{
    for (size_t i = 0; i < files->n; i++) {
        char msg[512];
        int err;
        struct ht_profile *p = ht_profile_read_file(files->word[i], &err, msg, sizeof msg);

        if (!p)
            return ht_complain(1, "%s", msg);
        ht_profile_destroy(p);
    }
    return 0;
}

int ht_cmd_view(int argc, char **argv)
{
    struct ht_serving s = {0};
    const struct ht_word_option options[] = {HT_SERVING_OPTIONS(&s), {NULL}};
    struct ht_words files = {0};
    struct ht_serve_source source;
    int status = ht_words_read(argc, argv, options, usage, &files);

    if (status < 0 && (files.n < 1 || files.n > 2))
        status = ht_complain(2, "view takes one FILE, or two: heaptap view OLD NEW");
    if (status < 0 && (status = try_files(&files)) == 0) {
        if (ht_source_files_init(&source, files.word, files.n)) {
            status = ht_complain(1, "out of memory");
        } else {
            status = ht_serving_run(&s, &source, files.n == 2 ? "1" : NULL, true);
            ht_source_files_finish(&source);
        }
    }
    ht_words_finish(&files);
    ht_serving_finish(&s);
    return status;
}
