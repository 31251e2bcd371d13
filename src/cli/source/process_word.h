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
 * Puts a PID, written into buf, in place of a word that names a process: by the program's name or
 * title, "@unit", either with "newest:" in front. Of a server and the children it forked it is the
 * server. A PID and a path stay, and with `files` the name of a file that exists. all: not the
 * profiled ones alone. 0; -ENOENT: there is none; -ENOTUNIQ: there are several; else another
 * -errno: one line in msg.
 */
int ht_process_word(const char **word, char buf[HT_PROCESS_WORD], bool all, bool files, char *msg,
                    size_t msg_size);

#endif
