/* SPDX-License-Identifier: MIT */
/* Results for machines. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/check/check.h"
#include "serve/outfile.h"
#include "serve/webdata.h"

static void test_case(FILE *out, const struct ht_check_result *r)
{
    fputs("  <testcase classname=\"heaptap.check\" name=\"", out);
    ht_web_html_text(out, r->name);
    fputs("\">", out);
    if (r->outcome != HT_HOLDS) {
        fprintf(out, "<%s message=\"", r->outcome == HT_BROKEN ? "failure" : "skipped");
        ht_web_html_text(out, r->message);
        fputs("\"/>", out);
    }
    fputs("</testcase>\n", out);
}

int ht_check_junit(const char *path, const struct ht_check_result *r, size_t n)
{
    struct ht_outfile o;
    size_t broken = 0, undecided = 0;
    int err = ht_outfile_open(&o, path);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++) {
        broken += r[i].outcome == HT_BROKEN;
        undecided += r[i].outcome == HT_UNDECIDED;
    }
    fprintf(o.f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"heaptap check\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n",
            n, broken, undecided);
    for (size_t i = 0; i < n; i++)
        test_case(o.f, &r[i]);
    fputs("</testsuite>\n", o.f);
    return ht_outfile_close(&o, 0);
}

/* A workflow command's text: characters that would end it are written as %XX. */
static void escaped(const char *s, bool property)
{
    for (; *s; s++)
        if (*s == '%' || *s == '\r' || *s == '\n' || (property && (*s == ':' || *s == ',')))
            printf("%%%02X", (unsigned char)*s);
        else
            putchar(*s);
}

void ht_check_github(const struct ht_check_result *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (r[i].outcome == HT_HOLDS)
            continue;
        printf("::%s title=", r[i].outcome == HT_BROKEN ? "error" : "warning");
        escaped(r[i].name, true);
        fputs("::", stdout);
        escaped(r[i].message, false);
        putchar('\n');
    }
}
