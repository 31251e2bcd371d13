/* SPDX-License-Identifier: MIT */
/*
 * getopt_long's table; each value is checked here, so that the library is never given one that it
 * would have to refuse.
 */
#include "config.h"

#include "cli/run/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/guess.h"
#include "cli/run/allocator.h"
#include "cli/terminal/help.h"
#include "cli/words.h"
#include "region/labels.h"
#include "region/layout.h"
#include "region/units.h"

/* The options of both run and env: those that become variables of the program. */
#define VARIABLES_HELP                                                                             \
    "What is recorded:\n"                                                                          \
    "  -r, --rate=SIZE        mean number of bytes between samples; k, M, G (512k)\n"              \
    "      --exact            record every allocation: --rate=1\n"                                 \
    "      --peak             also the live heap at its peak: peak_objects, peak_space "           \
    "(default,\n"                                                                                  \
    "                         but not with --exact)\n"                                             \
    "      --no-peak          without its peak\n"                                                  \
    "      --labels=KEYS      samples say in which thread: thread, and labels of the program "     \
    "(none)\n"                                                                                     \
    "      --mmap             also what the program maps itself: mmap_objects, mmap_space\n"       \
    "      --depth=N          at most N frames in a stack, 1 to 512 (128)\n"                       \
    "      --unwind=HOW       auto, fp (frame pointers), dwarf\n"                                  \
    "      --children=HOW     group: a profile of each child, one for all of a program's where\n"  \
    "                         these are more than 20 (default); each; merge: one of all; none\n"   \
    "      --no-children      --children=none\n"                                                   \
    "      --start=off        sample nothing until heaptap_start() is called\n"                    \
    "\n"                                                                                           \
    "Where profiles go, and when:\n"                                                               \
    "  -o, --output=PATTERN   %p pid, %n dump number, %e program, %h host, %t UTC time, %%\n"      \
    "                         (heaptap.%e.%p.pb.gz)\n"                                             \
    "      --signal=NAME      a signal that makes the program dump, or none (USR1)\n"              \
    "      --interval=TIME    dump at this interval: 500ms, 10s, 5m, 2h\n"                         \
    "      --growth=SIZE      dump each time this much more is in use than at the last dump\n"     \
    "\n"                                                                                           \
    "How the program runs:\n"                                                                      \
    "      --allocator=NAME   system, jemalloc, tcmalloc, mimalloc or the path of a library\n"

static const char run_help[] =
    "usage: heaptap run [OPTIONS] [--] PROGRAM [ARG]...\n\n"
    "Runs a program under the profiler. When it ends, in whatever way, its profile is written, and "
    "the\n"
    "top sites are printed on standard error. The exit status is the program's, 128+N for signal "
    "N.\n\n"
    "  $ heaptap run -- ./server 8080\n"
    "  $ heaptap run --rate=64k --interval=10s -o 'heap.%p.%n.pb.gz' -- ./server\n"
    "  $ heaptap run --exact --leaks -- ./tests\n\n" VARIABLES_HELP "\nAt the end:\n"
    "      --leaks            look for leaks at the end of each process, "
    "while its memory is there\n"
    "      --leak-exit-code[=N]  --leaks, and exit N (23) when some are found and the program "
    "ended "
    "with 0\n"
    "      --suppressions=FILE   --leaks without known ones: lines of leak:PATTERN "
    "(LeakSanitizer's)\n"
    "      --no-symbolize     write addresses only; reports find the names later\n"
    "  -q, --quiet            no summary\n";

static const char env_help[] =
    "usage: heaptap env [OPTIONS]\n\n"
    "Prints the environment variables that run sets for a program. Without one of the first "
    "three:\n"
    "for a shell; everything it starts from then on is profiled:\n"
    "  eval \"$(heaptap env --rate=64k)\"\n\n"
    "      --systemd          a drop-in for a service: systemctl edit NAME.service\n"
    "      --docker           options: docker run $(heaptap env --docker) IMAGE\n"
    "      --kubernetes       a patch: kubectl patch deployment NAME --patch-file=FILE\n"
    "      --container=NAME   with --kubernetes: the pod's container that is profiled\n\n"
    "As of run (with the first three, --output must be absolute: "
    "/var/tmp/heaptap.%e.%p.pb.gz):\n\n" VARIABLES_HELP;

enum {
    EXACT = 256,
    SIGNAL,
    INTERVAL,
    GROWTH,
    LABELS,
    PEAK,
    NO_PEAK,
    MMAP,
    DEPTH,
    UNWIND,
    NO_CHILDREN,
    CHILDREN,
    START,
    ALLOCATOR,
    NO_SYMBOLIZE,
    LEAKS,
    LEAK_EXIT_CODE,
    SUPPRESSIONS,
    SYSTEMD,
    DOCKER,
    KUBERNETES,
    CONTAINER
};

#define VARIABLES                                                                                  \
    {"output", required_argument, NULL, 'o'}, {"rate", required_argument, NULL, 'r'},              \
        {"exact", no_argument, NULL, EXACT}, {"signal", required_argument, NULL, SIGNAL},          \
        {"interval", required_argument, NULL, INTERVAL},                                           \
        {"growth", required_argument, NULL, GROWTH}, {"labels", required_argument, NULL, LABELS},  \
        {"peak", no_argument, NULL, PEAK}, {"no-peak", no_argument, NULL, NO_PEAK},                \
        {"mmap", no_argument, NULL, MMAP}, {"depth", required_argument, NULL, DEPTH},              \
        {"unwind", required_argument, NULL, UNWIND},                                               \
        {"children", required_argument, NULL, CHILDREN},                                           \
        {"no-children", no_argument, NULL, NO_CHILDREN},                                           \
        {"start", required_argument, NULL, START},                                                 \
        {"allocator", required_argument, NULL, ALLOCATOR},                                         \
    {                                                                                              \
        "help", no_argument, NULL, 'h'                                                             \
    }

static const struct option run_options[] = {
    VARIABLES,
    {"no-symbolize", no_argument, NULL, NO_SYMBOLIZE},
    {"leaks", no_argument, NULL, LEAKS},
    {"leak-exit-code", optional_argument, NULL, LEAK_EXIT_CODE},
    {"suppressions", required_argument, NULL, SUPPRESSIONS},
    {"quiet", no_argument, NULL, 'q'},
    {NULL, 0, NULL, 0},
};

static const struct option env_options[] = {
    VARIABLES,
    {"systemd", no_argument, NULL, SYSTEMD},
    {"docker", no_argument, NULL, DOCKER},
    {"kubernetes", no_argument, NULL, KUBERNETES},
    {"container", required_argument, NULL, CONTAINER},
    {NULL, 0, NULL, 0},
};

static int read_rate(struct ht_run_options *o, const char *value)
{
    uint64_t n;
    if (!ht_parse_size(value, &n) || n < 1 || n > (1ull << 40))
        return ht_complain(2, "--rate=%s: use a size from 1 to 1024G, such as 512k", value);
    o->rate = value;
    o->rate_bytes = n;
    return -1;
}

static int read_depth(struct ht_run_options *o, const char *value)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || n < 1 || n > HT_MAX_DEPTH)
        return ht_complain(2, "--depth=%s: use a number from 1 to %d", value, HT_MAX_DEPTH);
    o->depth = value;
    return -1;
}

static int read_leak_exit_code(struct ht_run_options *o, const char *value)
{
    char *end = (char *)"";
    unsigned long n = value ? strtoul(value, &end, 10) : 23;
    if (value && (*value < '0' || *value > '9' || *end || n < 1 || n > 255))
        return ht_complain(2, "--leak-exit-code=%s: use a number from 1 to 255", value);
    o->leaks = true;
    o->leak_exit_code = (int)n;
    return -1;
}

static int read_allocator(struct ht_run_options *o, const char *value)
{
    char msg[PATH_MAX + 160];
    int err = ht_allocator_find(value, o->allocator, sizeof o->allocator, msg, sizeof msg);
    return err ? ht_complain(err == -ENOENT ? 1 : 2, "%s", msg) : -1;
}

static int read_form(struct ht_run_options *o, enum ht_env_form form)
{
    if (o->form && o->form != form)
        return ht_complain(2, "env prints one form: --systemd, --docker or --kubernetes");
    o->form = form;
    return -1;
}

static int read_option(struct ht_run_options *o, int c, const char *value,
                       const struct option *options)
{
    uint64_t n;
    int number;
    switch (c) {
    case 'o':
        o->output = value;
        return -1;
    case 'r':
        return read_rate(o, value);
    case EXACT:
        return read_rate(o, "1");
    case SIGNAL:
        if (!ht_parse_signal(value, &number))
            return ht_complain(
                2,
                "--signal=%s: use the name of a signal a program can handle, such as "
                "USR2, or none",
                value);
        o->signal = value;
        return -1;
    case INTERVAL:
        if (!ht_parse_duration(value, &n) || !n)
            return ht_complain(2, "--interval=%s: use a time such as 500ms, 10s or 5m", value);
        o->interval = value;
        return -1;
    case GROWTH:
        if (!ht_parse_size(value, &n) || !n)
            return ht_complain(2, "--growth=%s: use a size such as 64M", value);
        o->growth = value;
        return -1;
    case LABELS:
        if (!ht_label_keys_valid(value))
            return ht_complain(
                2,
                "--labels=%s: use 1 to %u different keys, separated by commas: thread, "
                "or letters, digits and . _ - / : (not bytes, age, rate)",
                value, HT_LABELS);
        o->labels = value;
        return -1;
    case MMAP:
        o->mmap = true;
        return -1;
    case PEAK:
    case NO_PEAK:
        o->peak = c == PEAK;
        o->no_peak = !o->peak;
        return -1;
    case DEPTH:
        return read_depth(o, value);
    case UNWIND:
        if (strcmp(value, "auto") && strcmp(value, "fp") && strcmp(value, "dwarf"))
            return ht_complain(2, "--unwind=%s: use auto, fp or dwarf", value);
        o->unwind = value;
        return -1;
    case NO_CHILDREN:
        o->no_children = true;
        return -1;
    case CHILDREN:
        if (strcmp(value, "each") && strcmp(value, "none") &&
            (o->is_env || (strcmp(value, "merge") && strcmp(value, "group"))))
            return ht_complain(2, "--children=%s: use %seach%s or none", value,
                               o->is_env ? "" : "group, ", o->is_env ? "" : ", merge");
        o->no_children = !strcmp(value, "none");
        o->merge_children = !strcmp(value, "merge");
        o->each_child = !strcmp(value, "each");
        return -1;
    case START:
        if (strcmp(value, "on") && strcmp(value, "off"))
            return ht_complain(2, "--start=%s: use on or off", value);
        o->start = strcmp(value, "on") ? "0" : "1";
        return -1;
    case ALLOCATOR:
        return read_allocator(o, value);
    case NO_SYMBOLIZE:
        o->no_symbolize = true;
        return -1;
    case LEAKS:
        o->leaks = true;
        return -1;
    case LEAK_EXIT_CODE:
        return read_leak_exit_code(o, value);
    case SUPPRESSIONS:
        o->leaks = true;
        o->suppressions = value;
        return -1;
    case 'q':
        o->quiet = true;
        return -1;
    case SYSTEMD:
        return read_form(o, HT_ENV_SYSTEMD);
    case DOCKER:
        return read_form(o, HT_ENV_DOCKER);
    case KUBERNETES:
        return read_form(o, HT_ENV_KUBERNETES);
    case CONTAINER:
        o->container = value;
        return -1;
    case 'h':
        ht_help_print(o->is_env ? env_help : run_help);
        return 0;
    default:
        return ht_run_bad_option(c, value, options, o->is_env ? "env" : "run");
    }
}

int ht_run_bad_option(int c, const char *word, const struct option *options, const char *command)
{
    const char *name = word + strspn(word, "-");
    const size_t n = strcspn(name, "=");
    struct ht_guess guess = ht_guess(name, n);
    char said[80];
    bool known = false;
    for (const struct option *o = options; o->name; o++) {
        ht_guess_offer(&guess, o->name);
        known |= strlen(o->name) == n && !strncmp(o->name, name, n);
    }
    if (c == ':')
        return ht_complain(2, "option '%s' needs a value (heaptap %s --help)", word, command);
    if (known)
        return ht_complain(2, "--%.*s takes no value", (int)n, name);
    return ht_complain(2, "unknown option '%s'%s (heaptap %s --help lists them)", word,
                       ht_guess_text(&guess, "--", said, sizeof said), command);
}

static int read_all(struct ht_run_options *o, int argc, char **argv, const char *letters,
                    const struct option *options)
{
    int c, status = -1, at;
    opterr = 0;
    while (status < 0 &&
           (at = optind, c = getopt_long_only(argc, argv, letters, options, NULL)) != -1)
        status = read_option(o, c, c == '?' || c == ':' ? argv[at] : optarg, options);
    const char *rate = getenv("HEAPTAP_RATE");
    if (status < 0 && !o->rate && (!rate || !ht_parse_size(rate, &o->rate_bytes)))
        o->rate_bytes = 512 * 1024;
    return status;
}

int ht_run_options_read(struct ht_run_options *o, int argc, char **argv, int *first)
{
    memset(o, 0, sizeof *o);
    int status = read_all(o, argc, argv, "+:o:r:qh", run_options);
    if (status < 0 && o->merge_children && o->no_symbolize)
        status =
            ht_complain(2, "--children=merge puts names into its file: leave --no-symbolize out");
    if (status < 0 && optind == argc)
        status = ht_complain(2, "run needs a program (heaptap run --help)");
    *first = optind;
    return status;
}

int ht_env_options_read(struct ht_run_options *o, int argc, char **argv)
{
    memset(o, 0, sizeof *o);
    o->is_env = true;
    int status = read_all(o, argc, argv, "+:o:r:h", env_options);
    if (status < 0 && optind < argc)
        status = ht_complain(2, "env takes no program (heaptap run -- PROGRAM runs one)");
    if (status < 0 && (o->form == HT_ENV_KUBERNETES) != (o->container != NULL))
        status =
            ht_complain(2, "--kubernetes and --container=NAME go together: the patch names the "
                           "container");
    if (status < 0 && *o->allocator && (o->form == HT_ENV_DOCKER || o->form == HT_ENV_KUBERNETES))
        status =
            ht_complain(2, "--allocator is of this machine; a container has its own in its image");
    return status;
}
