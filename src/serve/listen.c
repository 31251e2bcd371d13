/* SPDX-License-Identifier: MIT */
/* The listening socket: made here, and not by the library, so that a failure can be explained. */
#include "config.h"

#include "serve/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket file that nobody listens on any more is left over from a server that was killed. */
static void remove_stale(const struct sockaddr_un *sun)
{
    struct stat st;
    if (lstat(sun->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)sun, sizeof *sun) && errno == ECONNREFUSED)
        unlink(sun->sun_path);
    close(fd);
}

int ht_listen_unix(const char *path, char *msg, size_t msg_size)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sun.sun_path) {
        snprintf(msg, msg_size, "the socket's path is longer than %zu bytes: %s",
                 sizeof sun.sun_path - 1, path);
        return -ENAMETOOLONG;
    }
    strcpy(sun.sun_path, path);
    remove_stale(&sun);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    mode_t old = umask(0177);
    int bad = bind(fd, (struct sockaddr *)&sun, sizeof sun) ? -errno : 0;
    umask(old);
    if (!bad && listen(fd, 128))
        bad = -errno;
    if (bad) {
        snprintf(msg, msg_size, "cannot listen on %s: %s", path, strerror(-bad));
        close(fd);
        return bad;
    }
    return fd;
}

int ht_listen_tcp(const char *host, uint16_t port, uint16_t *bound, char *msg, size_t msg_size)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list;
    struct sockaddr_storage got;
    socklen_t n = sizeof got;
    char service[8];
    int fd = -1, bad = 0, one = 1;

    snprintf(service, sizeof service, "%u", port);
    bad = getaddrinfo(host, service, &hints, &list);
    if (bad) {
        snprintf(msg, msg_size, "cannot listen on %s: %s (--listen=ADDR:PORT)", host,
                 gai_strerror(bad));
        return -EADDRNOTAVAIL;
    }
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0) {
            bad = -errno;
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (!bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, 128))
            break;
        bad = -errno;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    if (fd < 0) {
        snprintf(msg, msg_size,
                 "cannot listen on %s:%u: %s (choose another with --listen=ADDR:PORT)", host, port,
                 strerror(-bad));
        return bad;
    }
    getsockname(fd, (struct sockaddr *)&got, &n);
    *bound = ntohs(got.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&got)->sin6_port
                                             : ((struct sockaddr_in *)&got)->sin_port);
    return fd;
}
