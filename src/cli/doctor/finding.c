/* SPDX-License-Identifier: MIT */
/* A list of findings, each with a level, a reason and a remedy, as text for people or as JSON. */
#include "config.h"

#include "cli/doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/words.h"
#include "util/jansson.h"
#include "util/utf8.h"

#define FORMAT(to)                                                                                 \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        vsnprintf((to), sizeof(to), format, args);                                                 \
        va_end(args);                                                                              \
        ht_plain_text((to), false);                                                                \
    } while (0)

struct ht_finding *ht_found(struct ht_findings *f, enum ht_level level, const char *format, ...)
{
    struct ht_finding *more = reallocarray(f->at, f->n + 1, sizeof *more);
    if (!more)
        exit(ht_complain(1, "out of memory"));
    f->at = more;
    struct ht_finding *new = &more[f->n++];
    *new = (struct ht_finding){.level = level, .check = f->check};
    FORMAT(new->what);
    return new;
}

void ht_why(struct ht_finding *f, const char *format, ...)
{
    FORMAT(f->why);
}

void ht_remedy(struct ht_finding *f, const char *format, ...)
{
    FORMAT(f->remedy);
}

bool ht_has_obstacle(const struct ht_findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->at[i].level == HT_LEVEL_OBSTACLE)
            return true;
    return false;
}

void ht_findings_finish(struct ht_findings *f)
{
    free(f->at);
    *f = (struct ht_findings){0};
}

void ht_findings_print(const struct ht_findings *f, const char *subject)
{
    static const char *const levels[] = {"ok", "note", "NO"};
    for (size_t i = 0; i < f->n; i++) {
        const struct ht_finding *x = &f->at[i];
        printf("%-5s %-13s %s", levels[x->level], x->check, x->what);
        if (*x->why)
            printf(", %s", x->why);
        if (*x->remedy)
            printf("; %s", x->remedy);
        putchar('\n');
    }
    printf("%s %s\n", subject, ht_has_obstacle(f) ? "cannot be profiled" : "can be profiled");
}

/* Paths may hold bytes that are not UTF-8. */
static json_t *text(const char *s)
{
    json_t *j = json_string(s);
    return j ? j : json_string("?");
}

int ht_findings_print_json(const struct ht_findings *f, const char *subject)
{
    static const char *const levels[] = {"ok", "note", "obstacle"};
    json_t *list = json_array();
    int bad = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct ht_finding *x = &f->at[i];
        bad |=
            json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "check", x->check,
                                                  "level", levels[x->level], "what", text(x->what),
                                                  "why", text(x->why), "remedy", text(x->remedy)));
    }
    json_t *all = json_pack("{s:o, s:b, s:o}", "subject", text(subject), "profilable",
                            (int)!ht_has_obstacle(f), "findings", list);
    bad |= !all || json_dumpf(all, stdout, JSON_INDENT(2));
    json_decref(all);
    putchar('\n');
    return bad ? ht_complain(1, "cannot write the findings as JSON") : 0;
}
