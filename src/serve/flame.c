/* SPDX-License-Identifier: MIT */
/*
 * One HTML file: the page's text with styles, scripts and the profile's data put in place of its
 * marks.
 */
#include "config.h"

#include "serve/flame.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "profile/profile.h"
#include "serve/assets.h"
#include "serve/packed.h"
#include "serve/webdata.h"

/* Frames and sums of a file, root first and as many leaf first; about half of what 5 MB hold.
 * More are kept while they are at least one pixel of this many wide. */
enum { FRAMES = 30000, PIXELS = 2000 };

/* The page's scripts, each before those that use it. */
static const char *const scripts[] = {
    "distribution.js", "evidence.js", "format.js",      "filter.js",     "tree.js",
    "verdicts.js",     "flame.js",    "flame_facts.js", "flame_page.js",
};

struct page {
    struct ht_profile *p, *before;
    const char *title;
    double confidence;
    struct ht_web_folded folded; /* all zero: nothing was folded */
};

static int put_asset(FILE *out, const char *name)
{
    const struct ht_asset *a = ht_asset_find(name);
    fwrite(a->data, 1, a->size, out);
    return 0;
}

static int put_about(FILE *out, const struct page *page)
{
    time_t at = (time_t)(page->p->time_nanos / 1000000000);
    char text[64];
    struct tm tm;
    if (page->p->time_nanos > 0 && gmtime_r(&at, &tm) &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC, ", &tm))
        fputs(text, out);
    fprintf(out, "%zu stacks", page->p->n_samples);
    if (page->p->period > 1)
        fprintf(out, ", one sample in %" PRId64 " bytes", page->p->period);
    if (page->before)
        fputs(", compared with an earlier profile", out);
    if (page->folded.builder)
        fputs(". Narrow frames are put together as (narrow): heaptap flame --full keeps all", out);
    return 0;
}

/* One profile; first: the column of its first sample type where frames were folded. */
static int put_profile(FILE *out, const struct page *page, const char *id, struct ht_profile *p,
                       size_t first)
{
    fprintf(out, "<script type=\"text/plain\" id=\"%s\">", id);
    FILE *packed = ht_packed_open(out);
    if (!packed)
        return -errno;
    int err = 0;
    if (page->folded.builder)
        ht_web_folded_write(packed, &page->folded, p, first, page->title);
    else
        err = ht_web_data(packed, p, page->title, false);
    errno = 0;
    if (fclose(packed) && !err)
        err = -(errno ? errno : EIO);
    fputs("</script>\n", out);
    return err;
}

static int put_data(FILE *out, const struct page *page)
{
    int err = put_profile(out, page, "profile", page->p, 0);
    if (!err && page->before)
        err = put_profile(out, page, "before", page->before, page->p->n_sample_types);
    return err;
}

static int put(FILE *out, const struct page *page, const char *word, size_t n)
{
    if (!strncmp(word, "@TITLE@", n)) {
        ht_web_html_text(out, page->title);
        return 0;
    }
    if (!strncmp(word, "@ABOUT@", n))
        return put_about(out, page);
    if (!strncmp(word, "@CONFIDENCE@", n)) {
        fprintf(out, "%.0f", page->confidence * 100);
        return 0;
    }
    if (!strncmp(word, "@STYLE@", n))
        return put_asset(out, "style.css");
    if (!strncmp(word, "@SCRIPT@", n)) {
        for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
            put_asset(out, scripts[i]);
        return 0;
    }
    if (!strncmp(word, "@DATA@", n))
        return put_data(out, page);
    fwrite(word, 1, n, out);
    return 0;
}

int ht_flame_write(FILE *out, struct ht_profile *p, struct ht_profile *before, const char *title,
                   double confidence, bool full)
{
    struct page page = {.p = p, .before = before, .title = title, .confidence = confidence};
    const char *at = ht_asset_find("flame.html")->data;
    int err = full ? 0 : ht_web_folded_begin(&page.folded, p, before, FRAMES, 1.0 / PIXELS);
    while (!err) {
        const char *word = strchr(at, '@'), *end = word ? strchr(word + 1, '@') : NULL;

        if (!end)
            break;
        fwrite(at, 1, (size_t)(word - at), out);
        err = put(out, &page, word, (size_t)(end + 1 - word));
        at = end + 1;
    }
    fputs(at, out);
    ht_web_folded_finish(&page.folded);
    if (!err && ferror(out))
        err = -(errno ? errno : EIO);
    return err;
}
