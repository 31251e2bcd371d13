/* SPDX-License-Identifier: MIT */
/* The command table: one line a command, X(name, function, one-line help). */
#ifndef HEAPTAP_SRC_CLI_COMMANDS_H
#define HEAPTAP_SRC_CLI_COMMANDS_H

#define HT_COMMANDS(X) \
    X("flame", ht_cmd_flame, "the flame graph as one HTML file") \
    X("symbolize", ht_cmd_symbolize, "put names and lines into a profile")

#define X(name, fn, help) int fn(int argc, char **argv);
HT_COMMANDS(X)
#undef X

#endif
