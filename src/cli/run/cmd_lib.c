/* SPDX-License-Identifier: MIT */
/* heaptap lib: the library's path, for LD_PRELOAD=$(heaptap lib). */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/run/library.h"
#include "cli/words.h"

static const char usage[] =
    "usage: heaptap lib\n\n"
    "Prints the path of the library that is preloaded: LD_PRELOAD=$(heaptap lib) PROGRAM\n"
    "(heaptap env prints the variables for what it should do).\n";

int ht_cmd_lib(int argc, char **argv)
{
    const struct ht_word_option options[] = {{NULL}};
    struct ht_words rest = {0};
    char path[PATH_MAX];
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && rest.n)
        status = ht_complain(2, "lib takes no arguments");
    if (status < 0 && !(status = ht_library_find(path)))
        puts(path);
    ht_words_finish(&rest);
    return status;
}
