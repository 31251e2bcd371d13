/* SPDX-License-Identifier: MIT */
/* Every answer leaves through here, so that every answer carries the safety headers. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "serve/compress.h"
#include "serve/http.h"

static enum MHD_Result queue(const struct ht_request *r, unsigned status, const char *type,
                             const char *disposition, struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "X-Frame-Options", "DENY");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "Vary", "Accept-Encoding");
    MHD_add_response_header(response, "Content-Security-Policy",
                            "default-src 'none'; script-src 'self'; style-src 'self'; "
                            "connect-src 'self'; img-src data:; base-uri 'none'; "
                            "form-action 'none'; frame-ancestors 'none'");
    if (disposition)
        MHD_add_response_header(response, "Content-Disposition", disposition);
    if (status >= 400)
        MHD_add_response_header(response, "X-Go-Pprof", "1");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"heaptap\"");
    enum MHD_Result done = MHD_queue_response(r->c, status, response);
    MHD_destroy_response(response);
    return done;
}

static void *gzipped_for(const struct ht_request *r, const char *type, const void *body,
                         size_t size, size_t *packed)
{
    const char *accepted =
        MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    return ht_accepts_gzip(accepted) ? ht_gzip(type, body, size, packed) : NULL;
}

enum MHD_Result ht_answer(const struct ht_request *r, unsigned status, const char *type,
                          const char *disposition, void *body, size_t size)
{
    size_t packed;
    void *gzipped = gzipped_for(r, type, body, size, &packed);
    if (gzipped) {
        free(body);
        body = gzipped;
        size = packed;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(body);
    else if (gzipped)
        MHD_add_response_header(response, "Content-Encoding", "gzip");
    return queue(r, status, type, disposition, response);
}

enum MHD_Result ht_answer_static(const struct ht_request *r, const char *type, const char *body,
                                 size_t size)
{
    size_t packed;
    void *gzipped = gzipped_for(r, type, body, size, &packed);
    if (gzipped) {
        struct MHD_Response *response =
            MHD_create_response_from_buffer(packed, gzipped, MHD_RESPMEM_MUST_FREE);
        if (response)
            MHD_add_response_header(response, "Content-Encoding", "gzip");
        else
            free(gzipped);
        return queue(r, MHD_HTTP_OK, type, NULL, response);
    }
    /* The library only reads what is persistent. */
    return queue(
        r, MHD_HTTP_OK, type, NULL,
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT));
}

enum MHD_Result ht_answer_error(const struct ht_request *r, unsigned status, const char *format,
                                ...)
{
    char *line = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&line, format, args);
    va_end(args);
    if (n < 0)
        return MHD_NO;
    /* One line, whatever a path or a profile has put into it. */
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    line[n] = '\n'; /* in place of the terminator */
    return ht_answer(r, status, "text/plain; charset=utf-8", NULL, line, (size_t)n + 1);
}

int ht_body_open(struct ht_body *b)
{
    b->data = NULL;
    b->size = 0;
    b->out = open_memstream(&b->data, &b->size);
    return b->out ? 0 : -errno;
}

enum MHD_Result ht_body_answer(const struct ht_request *r, struct ht_body *b, int err,
                               const char *type, const char *disposition)
{
    bool failed = ferror(b->out) != 0;
    if (fclose(b->out) || failed)
        err = -ENOMEM;
    if (err) {
        free(b->data);
        return ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "cannot make the answer: %s",
                               strerror(-err));
    }
    return ht_answer(r, MHD_HTTP_OK, type, disposition, b->data, b->size);
}
