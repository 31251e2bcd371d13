/* SPDX-License-Identifier: MIT */
/* The server, in a heaptap that was built without libmicrohttpd. */
#include "config.h"

#include <stdio.h>

#include "serve/serve.h"

struct ht_server *ht_serve_start(const struct ht_serve_options *o,
                                 const struct ht_serve_source *source, char *msg, size_t msg_size)
{
    snprintf(msg, msg_size,
             "built without libmicrohttpd: no serve and view (install "
             "libmicrohttpd-dev and build again; heaptap flame writes the graph as a file)");
    return NULL;
}

uint16_t ht_serve_port(const struct ht_server *s)
{
    return 0;
}

void ht_serve_stop(struct ht_server *s)
{
}

void ht_serve_names(struct ht_server *s, struct ht_profile *p, pid_t pid)
{
}
