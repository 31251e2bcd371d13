/* SPDX-License-Identifier: MIT */
/* The sockets that the server listens on. */
#ifndef HEAPTAP_SRC_SERVE_LISTEN_H
#define HEAPTAP_SRC_SERVE_LISTEN_H

#include <stddef.h>
#include <stdint.h>

/* A listening descriptor, or -errno with one line in msg. */
int ht_listen_tcp(const char *host, uint16_t port, uint16_t *bound, char *msg, size_t msg_size);

/* The same on a socket file of mode 0600. */
int ht_listen_unix(const char *path, char *msg, size_t msg_size);

#endif
