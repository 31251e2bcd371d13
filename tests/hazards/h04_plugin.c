// SPDX-License-Identifier: MIT
// Its constructor waits, under the loader's lock, for another thread's allocations. Loaded by h04_loader_lock.c.
#include "hazard.h"
#include <dlfcn.h>
#include <stdatomic.h>

__attribute__((constructor)) static void wait_for_thread(void) {
  atomic_int *state = dlsym(RTLD_DEFAULT, "loader_state");
  if (!state)
    abort();
  atomic_store(state, 1);
  while (atomic_load(state) != 2)
    usleep(100);
}
