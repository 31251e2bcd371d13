/* SPDX-License-Identifier: MIT */
/* /debug/owners: for which functions a target's memory was allocated, as `heaptap owners --json`.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "report/report.h"
#include "serve/http.h"
#include "util/jansson.h"

static enum MHD_Result answer_with(const struct ht_request *r, struct ht_profile *p,
                                   const struct ht_report_options *o)
{
    struct ht_body b;
    if (ht_body_open(&b))
        return MHD_NO;
    int err = ht_report_owners(b.out, p, o);
    return ht_body_answer(r, &b, err, "application/json", NULL);
}

enum MHD_Result ht_get_owners(const struct ht_request *r)
{
    const char *type = ht_query(r, "type"), *rows = ht_query(r, "n");
    char *end = NULL, msg[512] = "";
    unsigned long n = rows ? strtoul(rows, &end, 10) : 0;
    enum MHD_Result answer;
    struct ht_report_options o;
    if (!HT_JANSSON)
        return ht_answer_error(r, MHD_HTTP_NOT_IMPLEMENTED, "%s", HT_JSON_MISSING);
    if (rows && (*rows < '0' || *rows > '9' || *end || n > 1000000))
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "n must be a number of rows (0: all)");
    struct ht_profile *p = ht_request_profile(r, true, &answer);
    if (!p)
        return answer;
    ht_report_options_init(&o);
    o.sample_index = type;
    o.nodecount = rows ? (int)n : -1;
    o.json = o.intervals = true;
    o.msg = msg;
    o.msg_size = sizeof msg;
    if (ht_profile_sample_index(p, type, msg, sizeof msg) < 0)
        answer = ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "%s", msg);
    else
        answer = answer_with(r, p, &o);
    ht_profile_destroy(p);
    return answer;
}
