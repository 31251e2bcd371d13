/* SPDX-License-Identifier: MIT */
/* heaptap dump: the profile of a live process, taken from outside. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/process/save.h"
#include "cli/source/ages.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"

static const char usage[] =
    "usage: heaptap dump [OPTIONS] PID [-o FILE]\n\n"
    "Writes the profile of a running, stopped or hung process, without its help.\n" HT_PROCESS_HELP
    "\n"
    "  -o, --output=FILE   the profile to write (default heaptap.NAME.PID.pb.gz, here; - for\n"
    "                      standard output)\n"
    "  --raw               addresses only, no names (quick; heaptap symbolize can add them)\n"
    "  --fast              names from symbol tables only: no lines, no inlined calls\n"
    "  --demangle=MODE     default, templates, full or none\n" HT_AGES_HELP
    "  -q, --quiet         say nothing but errors\n";

int ht_cmd_dump(int argc, char **argv)
{
    struct ht_dump_options o;
    const char *output = NULL;
    struct ht_words rest = {0};
    struct ht_word_option options[HT_DUMP_OPTIONS_MAX];
    const char *word = "";
    char msg[512], buf[HT_PROCESS_WORD];
    pid_t pid;
    ht_dump_options_init(&o, options, &output);
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && rest.n != 1)
        status = ht_complain(2, "dump takes one process, by PID or name (heaptap ps lists them)");
    if (status < 0 &&
        (word = rest.word[0], ht_process_word(&word, buf, false, true, msg, sizeof msg)))
        status = ht_complain(1, "%s", msg);
    if (status < 0 && !ht_region_is_pid(word, &pid) && !ht_region_is_file(word))
        status =
            ht_complain(2, "%s is neither a process nor a region (heaptap ps lists them)", word);
    if (status < 0 && ht_dump_options_check(&o, msg, sizeof msg))
        status = ht_complain(2, "%s", msg);
    if (status < 0)
        status = ht_dump_save(word, &o, output, msg, sizeof msg) ? ht_complain(1, "%s", msg) : 0;
    ht_words_finish(&rest);
    return status;
}
