/* SPDX-License-Identifier: MIT */
/* heaptap symbolize: a profile in, the same with names out. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/source/source.h"
#include "cli/terminal/help.h"
#include "cli/words.h"
#include "symbolize/symbolize.h"

static const char help[] =
    "usage: heaptap symbolize SOURCE -o OUT [OPTIONS]\n\n"
    "Writes the profile with functions, inlined calls, files and lines in place, so that it can "
    "be\n"
    "read without the binaries.\n\n"
    "  -o, --output=OUT     the profile to write\n"
    "  --demangle=MODE      default (no parameters, no template arguments), templates, full, none\n"
    "  --fast               symbol tables only: no lines, no inlined calls\n"
    "  --force              replace names that the profile already has\n"
    "  --pid=PID            the profile is of this living process: look into its mounts and JIT "
    "map\n"
    "  --root=DIR           the recorded paths lie under DIR (a container's file system)\n"
    "  --no-cache           neither read nor write ~/.cache/heaptap\n"
    "  -q, --quiet          do not say which binaries gave no names\n";

enum { DEMANGLE = 256, FAST, FORCE, PID, ROOT, NO_CACHE };

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},  {"demangle", required_argument, NULL, DEMANGLE},
    {"fast", no_argument, NULL, FAST},         {"force", no_argument, NULL, FORCE},
    {"pid", required_argument, NULL, PID},     {"root", required_argument, NULL, ROOT},
    {"no-cache", no_argument, NULL, NO_CACHE}, {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

static int parse_pid(const char *s, pid_t *pid)
{
    char *end;
    long v = strtol(s, &end, 10);
    if (end == s || *end || v <= 0 || v > 1 << 30)
        return -1;
    *pid = (pid_t)v;
    return 0;
}

static int convert(const char *source, const char *out, const struct ht_symbolize_options *o,
                   bool quiet)
{
    char msg[512] = "";
    int err;
    /* A process or region is named here, while its process is known. */
    const struct ht_source_options now = {.symbolize = o};
    bool region = ht_source_is_region(source);
    struct ht_profile *p = ht_source_load_with(source, region ? &now : NULL, &err, msg, sizeof msg);
    if (!p) {
        ht_complain(0, "%s", msg);
        return 1;
    }
    err = region ? 0 : ht_symbolize(p, o, msg, sizeof msg);
    if (!err && *msg && !quiet)
        ht_complain(0, "%s", msg);
    if (!err)
        err = ht_profile_write_file(p, out);
    ht_profile_destroy(p);
    if (err)
        fprintf(stderr, "heaptap: cannot write %s: %s\n", out, strerror(-err));
    return err ? 1 : 0;
}

int ht_cmd_symbolize(int argc, char **argv)
{
    struct ht_symbolize_options o = {.lines_and_inlines = true, .progress = stderr};
    const char *out = NULL;
    bool quiet = false;
    int c;
    argv[0] = (char *)"heaptap"; /* getopt names it in its messages */
    while ((c = getopt_long_only(argc, argv, "o:qh", options, NULL)) != -1) {
        switch (c) {
        case 'o':
            out = optarg;
            break;
        case 'q':
            quiet = true;
            break;
        case FAST:
            o.lines_and_inlines = false;
            break;
        case FORCE:
            o.force = true;
            break;
        case ROOT:
            o.root = optarg;
            break;
        case NO_CACHE:
            o.no_cache = true;
            break;
        case 'h':
            ht_help_print(help);
            return 0;
        case DEMANGLE:
            if (ht_demangle_parse(optarg, &o.demangle)) {
                fprintf(stderr, "heaptap: --demangle=%s: use default, templates, full or none\n",
                        optarg);
                return 2;
            }
            break;
        case PID:
            if (parse_pid(optarg, &o.pid)) {
                fprintf(stderr, "heaptap: --pid=%s: no process number\n", optarg);
                return 2;
            }
            break;
        default:
            return 2;
        }
    }
    if (optind + 1 != argc || !out) {
        fputs("heaptap: symbolize needs one SOURCE and -o OUT (heaptap symbolize --help)\n",
              stderr);
        return 2;
    }
    return convert(argv[optind], out, &o, quiet);
}
