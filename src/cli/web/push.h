/* SPDX-License-Identifier: MIT */
/* Sends one profile to a continuous profiler. */
#ifndef HEAPTAP_SRC_CLI_WEB_PUSH_H
#define HEAPTAP_SRC_CLI_WEB_PUSH_H

#include <stddef.h>

struct ht_profile;

struct ht_push_options {
    const char *name;   /* the application, with labels if any: "shop{region=eu}" */
    const char *token;  /* bearer token, NULL for none */
    const char *tenant; /* X-Scope-OrgID, NULL for none */
};

/* url: the server's, its /ingest, or another that takes profiles (cli/push/send.h). 0, or -errno
 * with one line in msg. */
int ht_push(const char *url, const struct ht_profile *p, const struct ht_push_options *o, char *msg,
            size_t msg_size);

#endif
