/* SPDX-License-Identifier: MIT */
/*
 * One table of options: its name, its type, its field and its help. The command line, the shell's
 * assignments, --help and the shell's list of options all read that table.
 */
#include "config.h"

#include "cli/report/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/guess.h"
#include "cli/source/source.h"
#include "cli/terminal/help.h"
#include "cli/words.h"
#include "profile/units.h"
#include "util/jansson.h"

enum type {
    TEXT,   /* a string */
    INT,    /* a number; also a SIZE of nothing */
    REAL,   /* a floating number */
    FLAG,   /* true when named; =false clears */
    CHOICE, /* a flag that sets an int (granularity) to its value */
    SAMPLE, /* a flag that sets sample_index to its own name */
    BASE,   /* appends to the bases */
    GRAN,   /* granularity=word */
    UNIT,   /* a text that is a unit */
    SORT,   /* sort=cum|flat */
    SYMB,   /* symbolize=none|local|force|demangle=MODE */
    DEMANGLE,
    CONFIDENCE, /* 90, 95 or 99, kept as a fraction */
};

struct option {
    const char *name;
    enum type type;
    size_t offset;
    int value;
    const char *help;
};

#define R(field) offsetof(struct ht_report_args, report.field)
#define A(field) offsetof(struct ht_report_args, field)

static const struct option options[] = {
    {"sample_index", TEXT, R(sample_index), 0,
     "NAME  what is counted (-i): inuse_space, alloc_objects..."},
    {"cum", FLAG, R(cum), 0, "sort by cumulative weight"},
    {"flat", SORT, 0, 0, "sort by own weight (the default)"},
    {"sort", SORT, 0, 0, "ORDER  cum or flat"},
    {"nodecount", INT, R(nodecount), 0, "N  show at most N sites"},
    {"nodefraction", REAL, R(nodefraction), 0, "F  hide sites below F of the total (0.005)"},
    {"edgefraction", REAL, R(edgefraction), 0, "F  hide calls below F of the total (0.001)"},
    {"trim", FLAG, R(no_trim), 1, "honour nodecount, nodefraction and edgefraction (true)"},
    {"focus", TEXT, R(focus), 0, "RE  only stacks that have a frame matching RE"},
    {"ignore", TEXT, R(ignore), 0, "RE  no stack that has a frame matching RE"},
    {"hide", TEXT, R(hide), 0, "RE  leave out matching frames"},
    {"show", TEXT, R(show), 0, "RE  leave out frames that do not match"},
    {"show_from", TEXT, R(show_from), 0, "RE  leave out what calls the highest matching frame"},
    {"prune_from", TEXT, R(prune_from), 0, "RE  leave out what matching frames call, and them"},
    {"tagfocus", TEXT, R(tagfocus), 0, "TAG  only samples with such a label: RE, key=RE, 4kb:1mb"},
    {"tagignore", TEXT, R(tagignore), 0, "TAG  no samples with such a label"},
    {"tagshow", TEXT, R(tagshow), 0, "RE  only labels whose key matches"},
    {"taghide", TEXT, R(taghide), 0, "RE  no labels whose key matches"},
    {"tagroot", TEXT, R(tagroot), 0, "KEYS  values of these labels as frames, nearest to the root"},
    {"tagleaf", TEXT, R(tagleaf), 0, "KEYS  the same, nearest to the leaf"},
    {"by", TEXT, R(by), 0, "KEYS  one row a value of a label, in place of functions"},
    {"functions", CHOICE, R(granularity), HT_BY_FUNCTIONS, "a site is a function (the default)"},
    {"filefunctions", CHOICE, R(granularity), HT_BY_FILEFUNCTIONS, "a site is a function and file"},
    {"files", CHOICE, R(granularity), HT_BY_FILES, "a site is a file"},
    {"lines", CHOICE, R(granularity), HT_BY_LINES, "a site is a source line"},
    {"addresses", CHOICE, R(granularity), HT_BY_ADDRESSES, "a site is an address"},
    {"granularity", GRAN, R(granularity), 0, "WORD  one of these five"},
    {"noinlines", FLAG, R(no_inlines), 0, "count inlined functions as part of their callers"},
    {"unit", UNIT, R(unit), 0, "UNIT  B, kB, MB..., auto (each value its own) or minimum"},
    {"mean", FLAG, R(mean), 0, "average over the first value: bytes per object"},
    {"divide_by", REAL, R(divide_by), 0, "N  divide all values by N"},
    {"drop_negative", FLAG, R(drop_negative), 0, "of a difference, only growth"},
    {"relative_percentages", FLAG, R(relative_percentages), 0, "percentages of what is focused on"},
    {"compact_labels", FLAG, R(compact_labels), 0, "a short heading"},
    {"source_path", TEXT, R(source_path), 0, "DIRS  where list looks for sources (':' between)"},
    {"trim_path", TEXT, R(trim_path), 0, "DIRS  prefixes to take off recorded file names"},
    {"base", BASE, 0, 0, "SOURCE  subtract a profile"},
    {"diff_base", BASE, 0, 1, "SOURCE  the same; percentages are of that profile"},
    {"normalize", FLAG, A(normalize), 0, "scale the profile to its base first"},
    {"intervals", FLAG, R(intervals), 0, "the error of each figure: 12.3MB ±18%"},
    {"confidence", CONFIDENCE, R(confidence), 0, "PERCENT  of the intervals: 90, 95 or 99"},
    {"all", FLAG, R(all), 0, "diff: also what may be chance"},
    {"wrappers", TEXT, R(wrappers), 0, "FILE  owners: more names of allocation wrappers"},
    {"no-wrappers", FLAG, R(no_wrappers), 0, "owners: the function that calls malloc owns"},
    {"json", FLAG, R(json), 0, "as JSON (docs/json.md)"},
    {"output", TEXT, A(output), 0, "FILE  write there (-o)"},
    {"symbolize", SYMB, 0, 0, "HOW  none, local, fastlocal, force or demangle=MODE"},
    {"demangle", DEMANGLE, 0, 0, "MODE  full, templates, default or none"},
    {"sizes", FLAG, A(sizes), 0, "top: the objects of each site by size"},
    {"full", FLAG, A(full), 0, "flame: frames too narrow to be seen, too"},
    {"ages", FLAG, A(ages), 0, "of a process: live objects by age"},
    {"min-age", TEXT, A(min_age), 0, "TIME  of a process: only objects that old"},
    {"max-age", TEXT, A(max_age), 0, "TIME  of a process: only objects that young"},
    {"http", TEXT, A(http), 0, "ADDR  serve the report's profile as a web page"},
    {"inuse_space", SAMPLE, 0, 0, "short for --sample_index=inuse_space"},
    {"inuse_objects", SAMPLE, 0, 0, "short for --sample_index=inuse_objects"},
    {"alloc_space", SAMPLE, 0, 0, "short for --sample_index=alloc_space"},
    {"alloc_objects", SAMPLE, 0, 0, "short for --sample_index=alloc_objects"},
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static const char *const granularities[] = {
    [HT_BY_FUNCTIONS] = "functions", [HT_BY_FILEFUNCTIONS] = "filefunctions",
    [HT_BY_LINES] = "lines",         [HT_BY_FILES] = "files",
    [HT_BY_ADDRESSES] = "addresses",
};

void ht_report_args_init(struct ht_report_args *a)
{
    memset(a, 0, sizeof(*a));
    ht_report_options_init(&a->report);
    a->report.msg = a->msg;
    a->report.msg_size = sizeof(a->msg);
    a->symbolize.lines_and_inlines = true;
}

void ht_report_args_finish(struct ht_report_args *a)
{
    free(a->sources);
    free(a->bases);
    a->sources = a->bases = NULL;
}

static int append(const char ***list, size_t *n, const char *s)
{
    const char **more = realloc(*list, (*n + 1) * sizeof(more[0]));
    if (!more)
        return -ENOMEM;
    more[(*n)++] = s;
    *list = more;
    return 0;
}

static int parse_bool(const char *s)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "1", ""};
    static const char *const no[] = {"false", "f", "no", "n", "0"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!strcasecmp(s, yes[i]))
            return 1;
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (!strcasecmp(s, no[i]))
            return 0;
    return -EINVAL;
}

static int bad(char *msg, size_t size, const char *name, const char *value, const char *want)
{
    snprintf(msg, size, "%s=%s: %s", name, value, want);
    return -EINVAL;
}

static int set_symbolize(struct ht_report_args *a, const char *value)
{
    if (!strcmp(value, "none"))
        a->no_symbols = true;
    else if (!strcmp(value, "force"))
        a->symbolize.force = true;
    else if (!strcmp(value, "fastlocal"))
        a->symbolize.lines_and_inlines = false;
    else if (!strncmp(value, "demangle=", 9))
        return ht_demangle_parse(value + 9, &a->symbolize.demangle);
    else if (strcmp(value, "local") != 0 && *value)
        return -EINVAL;
    return 0;
}

static int set(struct ht_report_args *a, const struct option *o, const char *value, char *msg,
               size_t size)
{
    char *at = (char *)a + o->offset, *end;
    const char *text = value ? value : "";
    int b = parse_bool(text);
    long number;
    switch (o->type) {
    case TEXT:
        *(const char **)at = text;
        return 0;
    case UNIT:
        *(const char **)at = text;
        return ht_unit_known(text) ? 0
                                   : bad(msg, size, o->name, text, "B, kB, MB..., auto or minimum");
    case INT:
        number = strtol(text, &end, 10);
        *(int *)at = (int)number;
        return *end || !*text || number != (int)number
                   ? bad(msg, size, o->name, text, "a whole number is needed")
                   : 0;
    case REAL:
        *(double *)at = strtod(text, &end);
        return *end || !*text ? bad(msg, size, o->name, text, "a number is needed") : 0;
    case FLAG:
        if (b < 0)
            return bad(msg, size, o->name, text, "true or false is needed");
        if (!HT_JANSSON && at == (char *)&a->report.json && b)
            return snprintf(msg, size, "json: %s", HT_JSON_MISSING), -EINVAL;
        *(bool *)at = b != o->value; /* "trim" is kept as its opposite */
        return 0;
    case CHOICE:
        if (b != 1)
            return bad(msg, size, o->name, text, "name another granularity instead");
        *(enum ht_granularity *)at = (enum ht_granularity)o->value;
        return 0;
    case SAMPLE:
        if (b == 1)
            a->report.sample_index = o->name;
        return b < 0 ? bad(msg, size, o->name, text, "true or false is needed") : 0;
    case CONFIDENCE:
        a->report.confidence = strtod(text, &end) / 100;
        return !strcmp(text, "90") || !strcmp(text, "95") || !strcmp(text, "99")
                   ? 0
                   : bad(msg, size, o->name, text, "90, 95 or 99 is needed");
    case BASE:
        if (a->n_bases && a->diff_base != (o->value != 0))
            return bad(msg, size, o->name, text, "--base and --diff_base cannot go together");
        a->diff_base = o->value;
        return append(&a->bases, &a->n_bases, text);
    case GRAN:
        for (size_t i = 0; i < sizeof(granularities) / sizeof(granularities[0]); i++)
            if (!strcmp(text, granularities[i])) {
                *(enum ht_granularity *)at = (enum ht_granularity)i;
                return 0;
            }
        return bad(msg, size, o->name, text, "functions, filefunctions, files, lines or addresses");
    case SORT:
        if (strcmp(o->name, "flat") != 0 && strcmp(text, "cum") != 0 && strcmp(text, "flat") != 0)
            return bad(msg, size, o->name, text, "cum or flat is needed");
        a->report.cum = !strcmp(text, "cum");
        return 0;
    case SYMB:
        return set_symbolize(a, text)
                   ? bad(msg, size, o->name, text, "none, local, fastlocal, force or demangle=MODE")
                   : 0;
    case DEMANGLE:
        return ht_demangle_parse(text, &a->symbolize.demangle)
                   ? bad(msg, size, o->name, text, "full, templates, default or none is needed")
                   : 0;
    }
    return -EINVAL;
}

static const struct option *find(const char *name, size_t n)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (strlen(options[i].name) == n && !strncmp(options[i].name, name, n))
            return &options[i];
    return NULL;
}

static bool takes_value(const struct option *o)
{
    return o->type != FLAG && o->type != CHOICE && o->type != SAMPLE &&
           strcmp(o->name, "flat") != 0;
}

int ht_report_args_set(struct ht_report_args *a, const char *name, const char *value, char *msg,
                       size_t msg_size)
{
    const struct option *o = find(name, strlen(name));
    if (!o)
        return -ENOENT;
    if (!value && takes_value(o)) {
        snprintf(msg, msg_size, "%s needs a value: %s=VALUE", name, name);
        return -EINVAL;
    }
    return set(a, o, value, msg, msg_size);
}

static int parse_one(struct ht_report_args *a, int argc, char **argv, int *i)
{
    const char *arg = argv[*i];
    const char *name = arg + (arg[1] == '-' ? 2 : 1);
    const char *eq = strchr(name, '=');
    size_t n = eq ? (size_t)(eq - name) : strlen(name);
    if (n == 1 && *name == 'i')
        name = "sample_index", n = strlen(name);
    else if (n == 1 && *name == 'o')
        name = "output", n = strlen(name);
    const struct option *o = find(name, n);
    if (!o) {
        struct ht_guess guess = ht_guess(name, n);
        char said[80];
        for (size_t k = 0; k < N_OPTIONS; k++)
            ht_guess_offer(&guess, options[k].name);
        ht_complain(2, "unknown option '%s'%s (heaptap %s --help lists them)", arg,
                    ht_guess_text(&guess, "--", said, sizeof(said)), argv[0]);
        return -EINVAL;
    }
    const char *value = eq ? eq + 1 : NULL;
    if (!value && takes_value(o)) {
        if (*i + 1 >= argc) {
            fprintf(stderr, "heaptap: option '%s' needs a value\n", arg);
            return -EINVAL;
        }
        value = argv[++*i];
    }
    char msg[256] = "out of memory";
    if (set(a, o, value, msg, sizeof(msg))) {
        fprintf(stderr, "heaptap: --%s\n", msg);
        return -EINVAL;
    }
    return 0;
}

static void print_examples(FILE *out, const char *command, const char *usage)
{
    static const char *const one[] = {"heap.pb.gz", "--focus=Cache -i alloc_space heap.pb.gz",
                                      "--base=monday.pb.gz 4711"};
    static const char *const two[] = {"monday.pb.gz tuesday.pb.gz", "monday.pb.gz 4711",
                                      "--base=a1.pb.gz --base=a2.pb.gz b1.pb.gz b2.pb.gz"};
    const char *const *list = strstr(usage, "OLD NEW") ? two : one;
    for (size_t i = 0; i < 3; i++)
        fprintf(out, "  $ heaptap %s %s%s%s\n", command,
                strstr(usage, " RE ") ? "Cache::insert " : "", list[i],
                strstr(usage, "SOURCE... -o FILE") ? " -o heap.png" : "");
}

static void print_help(const char *command, const char *usage)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    fprintf(out, "usage: heaptap %s\n\n", usage);
    print_examples(out, command, usage);
    fputs("\n" HT_SOURCE_HELP
          "The program may stand before its profile, in place of the recorded path.\n"
          "\nOptions, with one dash or two:\n\n",
          out);
    ht_report_options_help(out);
    if (!fclose(out))
        ht_help_print(text);
    free(text);
}

int ht_report_args_parse(struct ht_report_args *a, int argc, char **argv, const char *usage)
{
    bool only_sources = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (only_sources || arg[0] != '-' || !arg[1]) {
            if (append(&a->sources, &a->n_sources, arg))
                return -EINVAL;
        } else if (!strcmp(arg, "--")) {
            only_sources = true;
        } else if (!strcmp(arg, "--help") || !strcmp(arg, "-help") || !strcmp(arg, "-h")) {
            print_help(argv[0], usage);
            return 1;
        } else if (parse_one(a, argc, argv, &i)) {
            return -EINVAL;
        }
    }
    return 0;
}

const char *ht_report_option_name(size_t i, const char **help)
{
    if (i >= N_OPTIONS)
        return NULL;
    if (help)
        *help = options[i].help;
    return options[i].name;
}

const char *ht_report_option_value(const struct ht_report_args *a, size_t i, char *buf, size_t size)
{
    const struct option *o = &options[i];
    const char *at = (const char *)a + o->offset, *text = "";
    buf[0] = '\0';
    switch (o->type) {
    case TEXT:
    case UNIT:
        text = *(const char *const *)at;
        snprintf(buf, size, "%s", text && *text ? text : "\"\"");
        break;
    case INT:
        snprintf(buf, size, "%d", *(const int *)at);
        break;
    case REAL:
        snprintf(buf, size, "%g", *(const double *)at);
        break;
    case CONFIDENCE:
        snprintf(buf, size, "%g", a->report.confidence * 100);
        break;
    case FLAG:
        snprintf(buf, size, "%s", *(const bool *)at != (o->value != 0) ? "true" : "false");
        break;
    case GRAN:
        snprintf(buf, size, "%s", granularities[a->report.granularity]);
        break;
    case SORT:
        if (!strcmp(o->name, "sort"))
            snprintf(buf, size, "%s", a->report.cum ? "cum" : "flat");
        break;
    case CHOICE:
    case SAMPLE:
    case BASE:
    case SYMB:
    case DEMANGLE:
        break;
    }
    return buf;
}

/* A heading stands above the first option of each group. */
static const char *const groups[][2] = {
    {"sample_index", "What is counted, and its order"},
    {"focus", "Which stacks and frames"},
    {"tagfocus", "Labels"},
    {"functions", "What a site is"},
    {"unit", "Figures"},
    {"source_path", "Files"},
    {"base", "Against another profile"},
    {"intervals", "How sure, and of which report"},
    {"ages", "Of a process"},
    {"http", "Other"},
};

void ht_report_options_help(FILE *out)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        for (size_t k = 0; k < sizeof(groups) / sizeof(groups[0]); k++)
            if (!strcmp(groups[k][0], options[i].name))
                fprintf(out, "%s%s:\n", i ? "\n" : "", groups[k][1]);
        const char *help = options[i].help, *gap = strstr(help, "  ");
        char left[64];
        if (gap)
            snprintf(left, sizeof(left), "%s=%.*s", options[i].name, (int)(gap - help), help);
        else
            snprintf(left, sizeof(left), "%s", options[i].name);
        fprintf(out, "  --%-24s %s\n", left, gap ? gap + 2 : help);
    }
}
