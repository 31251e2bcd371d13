/* SPDX-License-Identifier: MIT */
/* The web page and the data it asks for. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "serve/assets.h"
#include "serve/http.h"
#include "serve/webdata.h"

#define JSON "application/json"

enum MHD_Result ht_get_static(const struct ht_request *r, const char *name)
{
    const struct ht_asset *a = ht_asset_find(name);

    /* The template of the stand-alone file is no page. */
    if (!a || !strcmp(name, "flame.html"))
        return ht_answer_error(r, MHD_HTTP_NOT_FOUND, "no such file");
    return ht_answer_static(r, a->type, a->data, a->size);
}

enum MHD_Result ht_get_page(const struct ht_request *r)
{
    return ht_get_static(r, "page.html");
}

static void put_stats(FILE *out, const struct ht_target_stats *s)
{
    fprintf(out,
            ",\"inuse_space\":%" PRId64 ",\"inuse_objects\":%" PRId64 ",\"alloc_space\":%" PRId64
            ",\"alloc_objects\":%" PRId64 ",\"stacks\":%" PRId64 ",\"lost\":%" PRId64
            ",\"rate\":%" PRId64,
            s->inuse_bytes, s->inuse_objects, s->alloc_bytes, s->alloc_objects, s->stacks, s->lost,
            s->rate);
}

static void put_cmdline(FILE *out, const struct ht_target *t)
{
    size_t at = 0;

    fputs(",\"cmdline\":[", out);
    while (at < t->cmdline_size) {
        size_t n = strnlen(t->cmdline + at, t->cmdline_size - at);
        char *arg = strndup(t->cmdline + at, n);

        if (at)
            putc(',', out);
        ht_web_json_string(out, arg ? arg : "");
        free(arg);
        at += n + 1;
    }
    putc(']', out);
}

enum MHD_Result ht_get_targets(const struct ht_request *r)
{
    const struct ht_serve_source *source = r->s->source;
    struct ht_target *list;
    struct ht_body b;
    size_t n;

    if (source->list(source->ctx, &list, &n))
        return ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "cannot list the processes");
    if (ht_body_open(&b)) {
        ht_targets_free(list, n);
        return MHD_NO;
    }
    fprintf(b.out, "{\"live\":%s,\"compare\":", source->live ? "true" : "false");
    ht_web_json_string(b.out, r->s->o.compare ? r->s->o.compare : "");
    fputs(",\"version\":\"" HT_VERSION "\",\"targets\":[", b.out);
    for (size_t i = 0; i < n; i++) {
        struct ht_target_stats stats;
        int bad;

        fprintf(b.out, "%s{\"id\":\"%s\",\"pid\":%d,\"alive\":%s,\"name\":", i ? "," : "",
                list[i].id, (int)list[i].pid, list[i].alive ? "true" : "false");
        ht_web_json_string(b.out, list[i].name);
        put_cmdline(b.out, &list[i]);
        ht_building_enter(r->s);
        bad = source->stats(source->ctx, list[i].id, &stats);
        ht_building_leave(r->s);
        if (bad) {
            fputs(",\"error\":", b.out);
            ht_web_json_string(b.out, strerror(-bad));
        } else {
            put_stats(b.out, &stats);
        }
        putc('}', b.out);
    }
    fputs("]}", b.out);
    ht_targets_free(list, n);
    return ht_body_answer(r, &b, 0, JSON, NULL);
}

enum MHD_Result ht_get_data(const struct ht_request *r)
{
    enum MHD_Result answer;
    struct ht_profile *p = ht_request_profile(r, true, &answer);
    struct ht_body b;
    int err;

    if (!p)
        return answer;
    err = ht_body_open(&b);
    if (err) {
        ht_profile_destroy(p);
        return MHD_NO;
    }
    ht_building_enter(r->s);
    err = ht_web_data(b.out, p, r->id);
    ht_building_leave(r->s);
    ht_profile_destroy(p);
    return ht_body_answer(r, &b, err, JSON, NULL);
}
