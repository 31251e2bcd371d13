/* SPDX-License-Identifier: MIT */
/* An object as a living process has it in its memory, where the file itself cannot be opened. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_MEMORY_ELF_H
#define HEAPTAP_SRC_SYMBOLIZE_MEMORY_ELF_H

#include <stdint.h>
#include <sys/types.h>

#include "symbolize/elffile.h"

/*
 * Makes an image of the object that the process has mapped with its ELF header at `start`: program
 * headers, build-id, dynamic symbols and unwind tables. Debug information and local symbols are
 * not in memory. Needs the rights of a debugger over the process. 0, -ENOMEM, -ENOEXEC, or what
 * opening /proc/PID/mem failed with; on failure *e is as after ht_elf_open.
 */
int ht_elf_from_process(struct ht_elf *e, pid_t pid, uint64_t start, const char *name);

#endif
