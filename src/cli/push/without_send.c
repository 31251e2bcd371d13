/* SPDX-License-Identifier: MIT */
/* Sending, in a heaptap that was built without libcurl. */
#include "config.h"

#include <stdio.h>

#include "cli/push/address.h"
#include "cli/push/send.h"

struct ht_sender *ht_sender_create(const char *url, const struct ht_words *headers,
                                   const atomic_int *stop, char *msg, size_t msg_size)
{
    char shown[256];
    ht_push_url_shown(url, shown, sizeof shown);
    snprintf(msg, msg_size,
             "cannot push to %s: heaptap was built without libcurl (install libcurl4-openssl-dev "
             "and build again)",
             shown);
    return NULL;
}

void ht_sender_destroy(struct ht_sender *s)
{
}

enum ht_push_form ht_sender_form(const struct ht_sender *s)
{
    return HT_PUSH_INGEST;
}

enum ht_push_result ht_sender_send(struct ht_sender *s, const struct ht_push_item *items, size_t n,
                                   long *wait, char *msg, size_t msg_size)
{
    return HT_PUSH_REFUSED;
}
