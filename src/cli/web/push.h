/* SPDX-License-Identifier: MIT */
/* Sends a profile to a continuous profiler: Pyroscope's /ingest in its pprof form. */
#ifndef HEAPTAP_SRC_CLI_WEB_PUSH_H
#define HEAPTAP_SRC_CLI_WEB_PUSH_H

#include <stddef.h>

struct ht_profile;

struct ht_push_options {
    const char *name;   /* the application, with labels if any: "shop{region=eu}" */
    const char *token;  /* bearer token, NULL for none */
    const char *tenant; /* X-Scope-OrgID, NULL for none */
};

/* url: the server's, or its /ingest. 0, or -errno with one line in msg. */
int ht_push(const char *url, const struct ht_profile *p, const struct ht_push_options *o, char *msg,
            size_t msg_size);

#endif
