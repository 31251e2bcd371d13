/* SPDX-License-Identifier: MIT */
/*
 * /api/views: the page's saved views, where the server keeps them (o.views_path). GET gives the
 * lines of serve/view_store.h, POST takes one; 204 where they are the browser's.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "serve/http.h"
#include "serve/view_store.h"

#define TEXT "text/plain; charset=utf-8"

/* Whether a browser sends this for a page of this server. Others send no Origin. */
static bool is_own_origin(const struct ht_request *r)
{
    const char *origin = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, "Origin");
    const char *host = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, "Host");
    const char *at = origin ? strstr(origin, "://") : NULL;
    return !origin || (at && host && !strcasecmp(at + 3, host));
}

static enum MHD_Result refuse(const struct ht_request *r, int err)
{
    const char *path = r->s->o.views_path;
    if (err == -EBADMSG)
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST,
                               "a view is a line NAME STATE, both percent-encoded, of at most %d "
                               "and %d bytes",
                               HT_VIEW_NAME_MAX, HT_VIEW_STATE_MAX);
    if (err == -EDQUOT)
        return ht_answer_error(r, MHD_HTTP_CONFLICT, "%d views are saved; delete one",
                               HT_VIEWS_MAX);
    if (err == -EINVAL)
        return ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
                               "%s holds something else than saved views; move it away", path);
    return ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "cannot use %s: %s", path,
                           strerror(-err));
}

enum MHD_Result ht_saved_views(const struct ht_request *r)
{
    const char *path = r->s->o.views_path;
    char *lines;
    int err;
    if (!path)
        return ht_answer(r, MHD_HTTP_NO_CONTENT, TEXT, NULL, NULL, 0);
    if (strcmp(r->method, "POST") != 0)
        err = ht_views_read(path, &lines);
    else if (!is_own_origin(r))
        return ht_answer_error(r, MHD_HTTP_FORBIDDEN, "views are saved by this server's page only");
    else if (!r->body || strlen(r->body) != r->body_size)
        err = -EBADMSG;
    else
        err = ht_views_edit(path, r->body, &lines);
    return err ? refuse(r, err) : ht_answer(r, MHD_HTTP_OK, TEXT, NULL, lines, strlen(lines));
}
