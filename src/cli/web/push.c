/* SPDX-License-Identifier: MIT */
/* Sends one item, without retries. */
#include "config.h"

#include "cli/web/push.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/push/send.h"
#include "profile/profile.h"

static int add_header(struct ht_words *headers, const char *name, const char *value)
{
    if (value && asprintf(&headers->word[headers->n], "%s%s", name, value) < 0)
        return -ENOMEM;
    headers->n += value != NULL;
    return 0;
}

int ht_push(const char *url, const struct ht_profile *p, const struct ht_push_options *o, char *msg,
            size_t msg_size)
{
    int64_t length = p->duration_nanos / 1000000000;
    struct ht_push_item item = {.until = p->time_nanos > 0 ? p->time_nanos / 1000000000
                                                           : (int64_t)time(NULL),
                                .service = o->name};
    char *lines[2];
    struct ht_words headers = {lines, 0};
    void *data = NULL;
    long wait;
    item.from = item.until - (length > 0 ? length : 1);
    int err = add_header(&headers, "Authorization: Bearer ", o->token);
    if (!err)
        err = add_header(&headers, "X-Scope-OrgID: ", o->tenant);
    if (!err)
        err = ht_profile_encode(p, true, &data, &item.profile_size);
    item.profile = data;
    snprintf(msg, msg_size, "cannot make the request: %s", strerror(-err));
    struct ht_sender *s = err ? NULL : ht_sender_create(url, &headers, NULL, msg, msg_size);
    if (!s && !err)
        err = -ENOENT;
    if (s && ht_sender_send(s, &item, 1, &wait, msg, msg_size) != HT_PUSH_SENT)
        err = -EIO;
    ht_sender_destroy(s);
    for (size_t i = 0; i < headers.n; i++)
        free(lines[i]);
    free(data);
    return err;
}
