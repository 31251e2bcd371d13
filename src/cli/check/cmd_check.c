/* SPDX-License-Identifier: MIT */
/* heaptap check: a gate for CI and cron, which fails only when chance is ruled out. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check/check.h"
#include "cli/commands.h"
#include "cli/report/load.h"
#include "cli/words.h"
#include "evidence/difference.h"
#include "evidence/distribution.h"
#include "evidence/sampling.h"
#include "profile/ops.h"
#include "profile/regex.h"
#include "profile/suppressions.h"
#include "profile/units.h"
#include "region/units.h"

static const char usage[] =
    "usage: heaptap check BUDGET... [OPTIONS] SOURCE...\n"
    "       heaptap check --fail-if-grew=PERCENT [OPTIONS] OLD NEW\n"
    "       heaptap check --fail-if-leaked [OPTIONS] SOURCE\n\n"
    "Compares what is in use with limits. Exit 0: they hold, or the samples cannot decide (a line "
    "says\n"
    "so, and which rate would); 1: one is broken, with evidence; 2: the profile or a budget is "
    "unusable.\n\n"
    "  --max-total=SIZE            all that is in use (64M, 1G)\n"
    "  --max-inuse=RE:SIZE         what functions that match RE, and what they call, hold\n"
    "  --fail-if-grew=PERCENT      the second of two profiles is larger by more than that (5%)\n"
    "  --fail-if-leaked            something leaked: of a profile of `heaptap leaks -o` or `run "
    "--leaks`;\n"
    "                              a process is looked at now\n"
    "  --suppressions=FILE         lines of leak:PATTERN (LeakSanitizer's) or stack:PATTERN: left "
    "out\n"
    "  --allow-missing             a budget of functions that are not in the profile is compared\n"
    "                              with what the samples may have missed, not refused\n"
    "  --confidence=90|95|99       of the intervals (95)\n"
    "  --junit=FILE                the results as JUnit XML\n"
    "  --github                    the results as annotations of a GitHub workflow\n";

struct check {
    struct ht_report_args args;
    struct ht_sampling sampling;
    double confidence;
    bool allow_missing, leaked;
    size_t value; /* of a sample: inuse_space */
    struct ht_check_result *results;
    size_t n;
};

/* "10M", "10MB", "10MiB" */
static bool parse_size(const char *word, uint64_t *bytes)
{
    char text[32];
    size_t n = strlen(word);
    if (n >= sizeof(text))
        return false;
    memcpy(text, word, n + 1);
    if (n > 2 && text[n - 1] == 'B' && strchr("kKMGT", text[n - 2]))
        text[n - 1] = '\0';
    else if (n > 3 && !strcmp(text + n - 2, "iB") && strchr("kKMGT", text[n - 3]))
        text[n - 2] = '\0';
    return *word && ht_parse_size(text, bytes);
}

static const char *bytes_text(double v, char *buf, size_t size)
{
    return ht_unit_label((int64_t)llround(fmin(fabs(v), 0x1p62)), "bytes", "auto", buf, size);
}

/* Whether a frame of the sample's stack matches; NULL matches any. */
static bool matches(const struct ht_regex *re, const struct ht_sample *s)
{
    for (size_t i = 0; re && i < s->n_locations; i++)
        for (size_t k = 0; k < s->locations[i]->n_lines; k++)
            if (ht_regex_match(re, s->locations[i]->lines[k].function->name))
                return true;
    return !re;
}

/* The rate at which the interval would have excluded the limit; 1: exact mode. */
static double deciding_rate(const struct check *c, const struct ht_profile *p,
                            const struct ht_regex *re, double gap)
{
    double z = ht_normal_two_sided(c->confidence), rate = c->sampling.rate;
    while ((rate = floor(rate / 2)) > 1) {
        double variance = 0;
        for (size_t i = 0; i < p->n_samples; i++) {
            struct ht_observation o;
            if (!matches(re, &p->samples[i]) ||
                !ht_sampling_observe(&c->sampling, &p->samples[i], &o))
                continue;
            double chance = ht_sampled_probability(o.size, rate, c->sampling.plus_one);
            variance += fabs(o.value) * o.unit * (1 - chance) / chance;
        }
        if (z * sqrt(variance) < gap && ht_evidence_unlisted(rate, c->confidence) < gap)
            return rate;
    }
    return 1;
}

static void say_rate(double rate, char *buf, size_t size)
{
    if (rate >= 1024)
        snprintf(buf, size, "--rate=%.0fk would tell", rate / 1024);
    else if (rate > 1)
        snprintf(buf, size, "--rate=%.0f would tell", rate);
    else
        snprintf(buf, size, "--exact would tell");
}

static struct ht_check_result *result(struct check *c, const char *name, const char *detail)
{
    struct ht_check_result *r = &c->results[c->n++];
    snprintf(r->name, sizeof(r->name), "%s %s", name, detail);
    return r;
}

static enum ht_outcome judge(struct ht_interval in, double limit)
{
    if (in.low > limit)
        return HT_BROKEN;
    return in.high <= limit ? HT_HOLDS : HT_UNDECIDED;
}

static void check_limit(struct check *c, const struct ht_profile *p, const struct ht_regex *re,
                        const char *name, const char *detail, double limit)
{
    struct ht_check_result *r = result(c, name, detail);
    struct ht_evidence e = {0};
    char value[32], low[32], high[32], most[32], rate[64] = "";
    for (size_t i = 0; i < p->n_samples; i++)
        if (matches(re, &p->samples[i])) {
            struct ht_evidence one = ht_sampling_evidence(&c->sampling, &p->samples[i]);
            ht_evidence_sum(&e, &one);
        }
    struct ht_interval in = ht_sampling_interval(&c->sampling, &e, c->confidence);
    r->outcome = judge(in, limit);
    if (r->outcome == HT_UNDECIDED)
        say_rate(deciding_rate(c, p, re, fabs(e.value - limit)), rate, sizeof(rate));
    snprintf(r->message, sizeof(r->message), "%s in use (%s to %s with %g %%) %s %s%s%s",
             bytes_text(e.value, value, sizeof(value)), bytes_text(in.low, low, sizeof(low)),
             bytes_text(in.high, high, sizeof(high)), c->confidence * 100,
             r->outcome == HT_BROKEN  ? "is above"
             : r->outcome == HT_HOLDS ? "is within"
                                      : "cannot be told from",
             bytes_text(limit, most, sizeof(most)), *rate ? ": " : "", rate);
}

/* "RE:SIZE" */
static int check_site(struct check *c, const struct ht_profile *p, const char *budget)
{
    char pattern[256], msg[256];
    const char *colon = strrchr(budget, ':');
    uint64_t limit;
    struct ht_regex *re = NULL;
    if (!colon || colon == budget || !parse_size(colon + 1, &limit) ||
        (size_t)(colon - budget) >= sizeof(pattern))
        return ht_complain(2, "--max-inuse=%s: FUNCTION:SIZE is needed (parse:64M)", budget);
    snprintf(pattern, sizeof(pattern), "%.*s", (int)(colon - budget), budget);
    if (ht_regex_create(&re, pattern, "max-inuse", msg, sizeof(msg)))
        return ht_complain(2, "%s", msg);
    bool any = c->allow_missing;
    for (size_t i = 0; !any && i < p->n_samples; i++)
        any = matches(re, &p->samples[i]);
    if (any)
        check_limit(c, p, re, "max-inuse", budget, (double)limit);
    ht_regex_destroy(re);
    return any ? 0
               : ht_complain(2,
                             "--max-inuse=%s: no function of the profile matches (--allow-missing "
                             "lets that pass)",
                             budget);
}

static int load(struct check *c, struct ht_profile **p, const char *suppressions)
{
    char msg[512] = "";
    int err = 0;
    struct ht_suppressions s = {0};
    if (suppressions && ht_suppressions_read(&s, suppressions, msg, sizeof(msg))) {
        ht_suppressions_finish(&s);
        return ht_complain(2, "%s", msg);
    }
    size_t left_out = 0;
    if (c->leaked)
        err = ht_check_look(c->args.sources[0], &s, p, &left_out, msg, sizeof(msg));
    if (!err && !*p)
        *p = ht_load_profile(&c->args, 0, &err, msg, sizeof(msg));
    int index = *p ? ht_profile_sample_index(*p, "inuse_space", msg, sizeof(msg)) : -EINVAL;
    if (index >= 0 && !ht_sampling_of(&c->sampling, *p, (size_t)index, msg, sizeof(msg)))
        index = -EINVAL;
    c->value = index >= 0 ? (size_t)index : 0;
    left_out += index >= 0 ? ht_suppressions_apply(&s, *p) : 0;
    if (left_out)
        ht_complain(0, "%zu sample%s suppressed", left_out, left_out == 1 ? " is" : "s are");
    ht_suppressions_finish(&s);
    return index >= 0 ? 0 : ht_complain(2, "%s", msg);
}

static int check_budgets(struct check *c, const char *total, const struct ht_words *sites,
                         const char *suppressions)
{
    struct ht_profile *p = NULL;
    uint64_t limit = 0;
    if (total && !parse_size(total, &limit))
        return ht_complain(2, "--max-total=%s: a size is needed (64M)", total);
    int status = load(c, &p, suppressions);
    if (!status && total)
        check_limit(c, p, NULL, "max-total", total, (double)limit);
    for (size_t i = 0; !status && i < sites->n; i++)
        status = check_site(c, p, sites->word[i]);
    if (!status && c->leaked &&
        !ht_check_leaked(p, &c->sampling, c->value, c->confidence, &c->results[c->n]))
        c->n++;
    else if (!status && c->leaked)
        status = ht_complain(2,
                             "%s was not looked at for leaks: name a profile of heaptap leaks "
                             "-o or heaptap run --leaks, or a process",
                             c->args.sources[0]);
    ht_profile_destroy(p);
    return status;
}

/* One profile's total in use, with what is suppressed left out. */
static int load_total(struct check *c, const char *source, const char *suppressions,
                      struct ht_evidence *e, double *rate)
{
    struct ht_profile *p = NULL;
    c->args.sources[0] = source;
    c->args.n_sources = 1;
    int status = load(c, &p, suppressions);
    for (size_t i = 0; !status && i < p->n_samples; i++) {
        struct ht_evidence one = ht_sampling_evidence(&c->sampling, &p->samples[i]);
        ht_evidence_sum(e, &one);
    }
    *rate = c->sampling.rate > 1 ? c->sampling.rate : 0;
    ht_profile_destroy(p);
    return status;
}

static int check_growth(struct check *c, const char *percent, const char *suppressions)
{
    char *end, before[32], after[32];
    double allowed = strtod(percent, &end);
    const char *old = c->args.sources[0], *new = c->args.sources[1];
    struct ht_change change = {0};
    if (end == percent || (*end && strcmp(end, "%") != 0) || !(allowed >= 0 && allowed < 1e6))
        return ht_complain(2, "--fail-if-grew=%s: a percentage is needed (5%%)", percent);
    int status = load_total(c, old, suppressions, &change.before, &change.before_rate);
    if (!status)
        status = load_total(c, new, suppressions, &change.after, &change.after_rate);
    if (status)
        return status;
    struct ht_check_result *r = result(c, "fail-if-grew", percent);
    double was = change.before.value, is = change.after.value, factor = 1 + allowed / 100;
    ht_evidence_scale(&change.before, factor);
    change.before_rate *= factor;
    struct ht_interval in = ht_change_interval(&change, c->confidence);
    r->outcome = judge(in, 0);
    snprintf(r->message, sizeof(r->message),
             "%s in use, %s before: %+.1f %%, %s %g %% (with %g %%)%s",
             bytes_text(is, after, sizeof(after)), bytes_text(was, before, sizeof(before)),
             was > 0 ? (is / was - 1) * 100 : 0,
             r->outcome == HT_BROKEN  ? "more than"
             : r->outcome == HT_HOLDS ? "not more than"
                                      : "which cannot be told from",
             allowed, c->confidence * 100,
             r->outcome == HT_UNDECIDED ? ": a finer --rate would tell" : "");
    return 0;
}

/* Prints the results. The exit status. */
static int report(const struct check *c, const char *junit, bool github)
{
    static const char *const words[] = {
        [HT_HOLDS] = "holds", [HT_BROKEN] = "BROKEN", [HT_UNDECIDED] = "undecided"};
    int status = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct ht_check_result *r = &c->results[i];
        if (!github)
            printf("%-9s %s: %s\n", words[r->outcome], r->name, r->message);
        if (r->outcome == HT_BROKEN)
            status = 1;
    }
    if (github)
        ht_check_github(c->results, c->n);
    int err = junit ? ht_check_junit(junit, c->results, c->n) : 0;
    return err ? ht_complain(2, "cannot write %s: %s", junit, strerror(-err)) : status;
}

int ht_cmd_check(int argc, char **argv)
{
    const char *total = NULL, *grew = NULL, *suppressions = NULL, *confidence = "95", *junit = NULL;
    bool github = false;
    struct check c = {0};
    struct ht_words sites = {0}, rest = {0};
    const struct ht_word_option options[] = {{"max-total", .value = &total},
                                             {"max-inuse", .list = &sites},
                                             {"fail-if-grew", .value = &grew},
                                             {"fail-if-leaked", .flag = &c.leaked},
                                             {"suppressions", .value = &suppressions},
                                             {"allow-missing", .flag = &c.allow_missing},
                                             {"confidence", .value = &confidence},
                                             {"junit", .value = &junit},
                                             {"github", .flag = &github},
                                             {NULL}};
    ht_report_args_init(&c.args);
    int status = ht_words_read(argc, argv, options, usage, &rest);
    c.confidence = strtod(confidence, NULL) / 100;
    if (status < 0 && strcmp(confidence, "90") && strcmp(confidence, "95") &&
        strcmp(confidence, "99"))
        status = ht_complain(2, "--confidence=%s: 90, 95 or 99 is needed", confidence);
    if (status < 0 && !total && !sites.n && !grew && !c.leaked)
        status = ht_complain(2, "check needs a budget: --max-total, --max-inuse, --fail-if-grew or "
                                "--fail-if-leaked (heaptap check --help)");
    if (status < 0 && c.leaked && rest.n > 1)
        status = ht_complain(2, "--fail-if-leaked takes one profile or process");
    if (status < 0 && grew && (total || sites.n || c.leaked))
        status =
            ht_complain(2, "--fail-if-grew compares two profiles, the other budgets are of one");
    if (status < 0 && (grew ? rest.n != 2 : !rest.n))
        status = ht_complain(2, grew ? "--fail-if-grew needs OLD and NEW" : "name a profile");
    c.results = calloc(sites.n + 3, sizeof(*c.results));
    c.args.sources = calloc(rest.n + 1, sizeof(*c.args.sources));
    if (status < 0 && (!c.results || !c.args.sources))
        status = ht_complain(2, "out of memory");
    if (status < 0) {
        for (size_t i = 0; i < rest.n; i++)
            c.args.sources[i] = rest.word[i];
        c.args.n_sources = rest.n;
        status = grew ? check_growth(&c, grew, suppressions)
                      : check_budgets(&c, total, &sites, suppressions);
        if (!status)
            status = report(&c, junit, github);
    }
    free(c.results);
    ht_words_finish(&sites);
    ht_words_finish(&rest);
    ht_report_args_finish(&c.args);
    return status;
}
