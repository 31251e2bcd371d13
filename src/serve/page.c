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
    /* The template of the stand-alone file is not served. */
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
            ",\"alloc_objects\":%" PRId64 ",\"samples\":%" PRId64 ",\"lost\":%" PRId64
            ",\"rate\":%" PRId64 ",\"threads\":%" PRId64 ",\"resident\":%" PRId64,
            s->inuse_bytes, s->inuse_objects, s->alloc_bytes, s->alloc_objects, s->samples, s->lost,
            s->rate, s->threads, s->resident);
}

enum MHD_Result ht_get_targets(const struct ht_request *r)
{
    enum MHD_Result answer;
    struct ht_target *list;
    struct ht_body b;
    size_t n;
    if (!ht_request_list_body(r, &list, &n, &b, &answer))
        return answer;
    ht_history_note(r->s->history, list, n);
    fprintf(b.out, "{\"live\":%s,\"compare\":", r->s->source->live ? "true" : "false");
    ht_web_json_string(b.out, r->s->o.compare ? r->s->o.compare : "");
    fputs(",\"version\":\"" HT_VERSION "\",\"targets\":[", b.out);
    for (size_t i = 0; i < n; i++) {
        fprintf(b.out,
                "%s{\"id\":\"%s\",\"pid\":%d,\"alive\":%s,\"reading\":%s,\"name\":", i ? "," : "",
                list[i].id, (int)list[i].pid, list[i].alive ? "true" : "false",
                list[i].reading ? "true" : "false");
        ht_web_json_string(b.out, list[i].name);
        fputs(",\"command\":", b.out);
        ht_web_json_string(b.out, list[i].command);
        fputs(",\"damage\":", b.out);
        ht_web_json_string(b.out, list[i].damage ? list[i].damage : "");
        put_stats(b.out, &list[i].stats);
        if (ht_query(r, "history")) {
            fputs(",\"history\":", b.out);
            ht_history_write(r->s->history, b.out, &list[i]);
        }
        putc('}', b.out);
    }
    fputs("]}", b.out);
    ht_targets_free(list, n);
    return ht_body_answer(r, &b, 0, JSON, NULL);
}

enum MHD_Result ht_get_data(const struct ht_request *r)
{
    const char *kind = ht_query(r, "profile");
    enum MHD_Result answer;
    struct ht_profile *p;
    bool heap = !kind || !strcmp(kind, "heap");
    if (heap)
        p = ht_request_profile(r, true, &answer);
    else if (!strcmp(kind, "ages"))
        p = ht_request_aged(r, &answer);
    else if (!strcmp(kind, "threads"))
        p = ht_request_threads(r, &answer);
    else if (!strcmp(kind, "cpu"))
        p = ht_request_cpu(r, &answer);
    else
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "profile is heap, ages, threads or cpu");
    if (!p)
        return answer;
    struct ht_body b;
    int err = ht_body_open(&b);
    if (err) {
        ht_profile_destroy(p);
        return MHD_NO;
    }
    err = ht_web_data(b.out, p, r->id, heap);
    ht_profile_destroy(p);
    return ht_body_answer(r, &b, err, JSON, NULL);
}
