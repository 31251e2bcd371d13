/* SPDX-License-Identifier: MIT */
/* What doctor finds, and how it is printed. */
#ifndef HEAPTAP_SRC_CLI_DOCTOR_FINDING_H
#define HEAPTAP_SRC_CLI_DOCTOR_FINDING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum ht_level {
    HT_LEVEL_OK,
    HT_LEVEL_NOTE,     /* it can be profiled, but less is seen, or there is something to know */
    HT_LEVEL_OBSTACLE, /* it cannot be profiled */
};

struct ht_finding {
    enum ht_level level;
    const char *check; /* the name of the check that found it */
    char what[PATH_MAX + 200];
    char why[300]; /* "" when level is HT_LEVEL_OK */
    char remedy[PATH_MAX + 200];
};

struct ht_findings {
    struct ht_finding *at;
    size_t n;
    const char *check; /* the check that runs */
};

/*
 * Adds a finding of the check that runs. Texts are truncated to their arrays. When the level is not
 * OK, ht_why gives the reason (printed after a comma) and ht_remedy what to do. Never NULL (out of
 * memory ends the program).
 */
struct ht_finding *ht_found(struct ht_findings *f, enum ht_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ht_why(struct ht_finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ht_remedy(struct ht_finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool ht_has_obstacle(const struct ht_findings *f);
void ht_findings_finish(struct ht_findings *f);

/* On standard output: a line for each finding, then the verdict on `subject`. */
void ht_findings_print(const struct ht_findings *f, const char *subject);

/* The same as one JSON object with the fields subject, profilable and findings. 0, or 1 after a
 * complaint. */
int ht_findings_print_json(const struct ht_findings *f, const char *subject);

#endif
