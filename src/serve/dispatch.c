/* SPDX-License-Identifier: MIT */
/* Which handler has which path. Every handler of data runs in one of the places for profiles. */
#include "config.h"

#include <string.h>

#include "serve/http.h"

/* "/4242/debug/pprof/heap" is target 4242's "/debug/pprof/heap". */
static void split_target(struct ht_request *r, const char *url)
{
    size_t n = strspn(url + 1, "0123456789.");
    r->path = url;
    if (n == 0 || n >= sizeof r->id || (url[1 + n] && url[1 + n] != '/'))
        return;
    memcpy(r->id, url + 1, n);
    r->id[n] = '\0';
    r->path = url[1 + n] ? url + 1 + n : "/";
}

static enum MHD_Result get_heap(const struct ht_request *r)
{
    return ht_get_heap(r, false);
}

static enum MHD_Result get_allocs(const struct ht_request *r)
{
    return ht_get_heap(r, true);
}

static bool takes_post(const char *path)
{
    return !strcmp(path, "/debug/pprof/symbol") || !strcmp(path, "/api/layout") ||
           !strcmp(path, "/api/views");
}

enum MHD_Result ht_dispatch(struct ht_request *r, const char *url)
{
    static const struct {
        const char *path;
        enum MHD_Result (*get)(const struct ht_request *r);
    } table[] = {
        {"/debug/pprof", ht_get_index},           {"/debug/pprof/", ht_get_index},
        {"/debug/pprof/heap", get_heap},          {"/debug/pprof/allocs", get_allocs},
        {"/debug/pprof/threads", ht_get_threads}, {"/debug/pprof/goroutine", ht_get_threads},
        {"/debug/pprof/profile", ht_get_cpu},     {"/debug/pprof/cmdline", ht_get_cmdline},
        {"/debug/pprof/symbol", ht_get_symbol},   {"/metrics", ht_get_metrics},
        {"/debug/leaks", ht_get_leaks},           {"/debug/leaks/progress", ht_get_leaks_progress},
        {"/api/targets", ht_get_targets},         {"/api/profile", ht_get_data},
        {"/api/source", ht_get_source},           {"/api/layout", ht_post_layout},
        {"/api/disassembly", ht_get_disassembly}, {"/debug/owners", ht_get_owners},
        {"/api/views", ht_saved_views},
    };
    bool page;
    bool post = !strcmp(r->method, "POST");
    const char *why = NULL;
    unsigned refused;

    split_target(r, url);
    page = !strcmp(r->path, "/") || !strncmp(r->path, "/static/", 8);
    refused = ht_guard(r, !page, &why);

    if (refused)
        return ht_answer_error(r, refused, "%s", why);
    if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0 &&
        !(post && takes_post(r->path)))
        return ht_answer_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "%s is not served here", r->method);
    if (!strcmp(r->path, "/"))
        return ht_get_page(r);
    if (page)
        return ht_get_static(r, r->path + strlen("/static/"));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        enum MHD_Result done;

        if (strcmp(r->path, table[i].path) != 0)
            continue;
        ht_building_enter(r->s);
        done = table[i].get(r);
        ht_building_leave(r->s);
        return done;
    }
    return ht_answer_error(r, MHD_HTTP_NOT_FOUND,
                           "nothing here; /debug/pprof/ lists what this server has");
}
