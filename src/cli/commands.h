/* SPDX-License-Identifier: MIT */
/* The command table: one line a command, X(name, function, one-line help). */
#ifndef HEAPTAP_SRC_CLI_COMMANDS_H
#define HEAPTAP_SRC_CLI_COMMANDS_H

#define HT_COMMANDS(X)                                                                             \
    X("run", ht_cmd_run, "run a program under the profiler")                                       \
    X("stat", ht_cmd_stat, "exact counts of what a program, or its benchmarks, allocate")          \
    X("env", ht_cmd_env, "run's variables for a shell, a systemd unit, a container")               \
    X("lib", ht_cmd_lib, "the path of the library, for LD_PRELOAD")                                \
    X("doctor", ht_cmd_doctor, "whether and how something can be profiled here, and why not")      \
    X("ps", ht_cmd_ps, "the profiled processes: alive, and dead but recoverable")                  \
    X("recover", ht_cmd_recover, "the profile of a process that was killed")                       \
    X("forget", ht_cmd_forget, "discard what dead processes left")                                 \
    X("watch", ht_cmd_watch, "a live table of allocation sites")                                   \
    X("dump", ht_cmd_dump, "the profile of a live process, without its help")                      \
    X("leaks", ht_cmd_leaks, "which blocks of a live process nobody points to any more")           \
    X("memory", ht_cmd_memory, "where a process's resident memory is, the heap a part of it")      \
    X("threads", ht_cmd_threads, "where each thread of a process stands, and what it waits for")   \
    X("cpu", ht_cmd_cpu, "where a process, or a program, spends processor time")                   \
    X("top", ht_cmd_report, "where the heap is: sites in a flat list")                             \
    X("owners", ht_cmd_report, "whose memory it is: who had it allocated, with callers")           \
    X("tree", ht_cmd_report, "each site between its callers and callees")                          \
    X("peek", ht_cmd_report, "callers and callees of matching functions")                          \
    X("list", ht_cmd_report, "the source of matching functions, with weights")                     \
    X("traces", ht_cmd_report, "every sample with its stack and labels")                           \
    X("raw", ht_cmd_report, "the profile as it is, as text")                                       \
    X("tags", ht_cmd_report, "the weight of each value of each label")                             \
    X("folded", ht_cmd_report, "stacks for flamegraph.pl and speedscope")                          \
    X("dot", ht_cmd_report, "the call graph for graphviz")                                         \
    X("svg", ht_cmd_report, "the call graph as SVG")                                               \
    X("png", ht_cmd_report, "the call graph as PNG")                                               \
    X("diff", ht_cmd_diff, "what grew between profiles by more than chance")                       \
    X("check", ht_cmd_check, "a gate for CI: budgets, and growth with evidence")                   \
    X("shell", ht_cmd_shell, "an interactive prompt with all reports")                             \
    X("flame", ht_cmd_flame, "the flame graph as one HTML file")                                   \
    X("view", ht_cmd_view, "the web page for one profile, or two compared")                        \
    X("serve", ht_cmd_serve, "pprof's endpoints and the web page for running processes")           \
    X("push", ht_cmd_push, "send a profile to a continuous profiler")                              \
    X("merge", ht_cmd_merge, "add profiles up into one")                                           \
    X("convert", ht_cmd_convert, "write a profile in another form")                                \
    X("symbolize", ht_cmd_symbolize, "put names and lines into a profile")

#define X(name, fn, help) int fn(int argc, char **argv);
HT_COMMANDS(X)
#undef X

#endif
