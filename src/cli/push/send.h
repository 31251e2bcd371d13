/* SPDX-License-Identifier: MIT */
/* Sends items to a store over HTTP. One thread at a time. */
#ifndef HEAPTAP_SRC_CLI_PUSH_SEND_H
#define HEAPTAP_SRC_CLI_PUSH_SEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/push/item.h"
#include "cli/words.h"

/* What the store is asked by; from the end of the URL's path. */
enum ht_push_form {
    HT_PUSH_INGEST,  /* none, or /ingest: Pyroscope's POST /ingest, the profile is the body */
    HT_PUSH_CONNECT, /* /push.v1.PusherService/Push: Pyroscope's, several profiles in one message */
    HT_PUSH_POST,    /* any other: POST of the profile, with the same parameters as /ingest */
};

enum ht_push_result {
    HT_PUSH_SENT,
    HT_PUSH_LATER,   /* no answer, or one that says so: 408, 429, 5xx */
    HT_PUSH_REFUSED, /* another answer: the same would be refused again */
};

struct ht_sender;

/* url: with http:// or https://. headers: lines "Name: value"; sent with each request. stop: not 0
 * ends a transfer soon; may be NULL. All must outlive the sender. NULL with one line in msg. */
struct ht_sender *ht_sender_create(const char *url, const struct ht_words *headers,
                                   const atomic_int *stop, char *msg, size_t msg_size);
void ht_sender_destroy(struct ht_sender *s);

enum ht_push_form ht_sender_form(const struct ht_sender *s);

/* Sends n items, for HT_PUSH_CONNECT in one request; else n is 1. *wait: seconds that the store
 * wants to be left alone, 0 when it says none. msg: one line about what failed, without the URL's
 * password. */
enum ht_push_result ht_sender_send(struct ht_sender *s, const struct ht_push_item *items, size_t n,
                                   long *wait, char *msg, size_t msg_size);

#endif
