/* SPDX-License-Identifier: MIT */
/* Names in place of PIDs. */
#ifndef HEAPTAP_SRC_CLI_SOURCE_PROCESS_WORD_H
#define HEAPTAP_SRC_CLI_SOURCE_PROCESS_WORD_H

#include <stdbool.h>
#include <stddef.h>

#define HT_PROCESS_WORD 16
#define HT_PROCESS_HELP                                                                            \
    "A PID may also be the name of the program, @UNIT (of systemd, or the first digits of a\n"     \
    "container's id), or newest:NAME where several have that name.\n"

/*
 * Replaces a word that names a process by its PID, written into buf. A word is a program's name or
 * title, or "@unit", with or without "newest:" in front. Of a server and the children that it
 * forked the server is chosen. A PID and a path stay, and with `files` the name of a file that
 * exists. all: also processes that are not profiled. 0; -ENOENT: there is none; -ENOTUNIQ: there
 * are several; else another -errno, each with one line in msg.
 */
int ht_process_word(const char **word, char buf[HT_PROCESS_WORD], bool all, bool files, char *msg,
                    size_t msg_size);

/*
 * The same for a process that has ended and left a region with samples: the word becomes the
 * region's path, written into buf. No units: they are not known of the dead.
 */
#define HT_DEAD_WORD 1300
int ht_dead_word(const char **word, char buf[HT_DEAD_WORD], char *msg, size_t msg_size);

#endif
