/* SPDX-License-Identifier: MIT */
/* For sandbox.S. */
#ifndef HEAPTAP_SRC_TARGET_HOOKS_PASSED_SANDBOX_H
#define HEAPTAP_SRC_TARGET_HOOKS_PASSED_SANDBOX_H

/* Looks up the next prctl and syscall. */
void ht_find_sandbox_calls(void);

#endif
