#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_lsan.py HEAPTAP LSAN MODULE: what LeakSanitizer's own test programs are about (compiler-rt/test/lsan/TestCases), in programs written anew
(lsan.cc), under `heaptap run --exact --leaks`: the verdict, and why."""
import os
import re
import subprocess
import sys
import tempfile

HEAPTAP, LSAN, MODULE = (os.path.abspath(a) for a in sys.argv[1:4])
# name: blocks of `made` that are leaked; where LeakSanitizer (of gcc 12, of the same file) says something else, what it says; and why.
CASES = {
    "use_stacks": (0, None, "main's frame has it"),
    "use_stacks_threaded": (0, None, "the frame of a thread that lives has it"),
    "use_registers": (0, None, "threads are held at the end, and their registers read"),
    "use_globals_initialized": (0, None, ".data is read"),
    "use_globals_uninitialized": (0, None, ".bss is read"),
    "use_tls_static": (0, None, "the first thread's TLS is read"),
    "use_tls_static_threaded": (0, None, "a thread's TLS lies beside its stack"),
    "use_tls_dynamic": (0, None, "the loader's block for it is reachable from the thread's DTV"),
    "use_tls_pthread_specific_static": (0, None, "the thread's descriptor has it"),
    "use_tls_pthread_specific_dynamic": (0, None, "the second level is reachable from the descriptor"),
    "many_tls_keys_pthread": (0, None, "the same"),
    "use_unaligned": (1, None, "words are looked at every 8 bytes"),
    "user_pointer": (0, None, "bits above the 48th are no part of an address"),
    "interior_pointer": (0, None, "a pointer into the midst counts"),
    "register_root_region": (0, 1, "all readable memory is read; LeakSanitizer has to be told of mmapped memory"),
    "pointer_to_self": (1, None, "a block's own words do not hold it"),
    "leak_check_at_exit": (1, None, "plainly lost"),
    "ended_thread_stack": (0, 1, "the C library keeps the stack of a thread that has ended for the next one, with what stands there"),
    "exit_atexit_stale_stack": (1, None, "the same, with a handler that used the stack"),
    "large_allocation_leak": (1, None, "33 MB, in a mapping of its own"),
    "malloc_zero": (1, None, "a block of no bytes is one"),
    "malloc_zero_kept": (0, None, "a pointer to a block of no bytes holds it"),
    "stale_stack_leak": (64, None, "below the stack pointer nothing counts"),
    "create_thread_leak": (9, 10, "the arguments of threads that have ended; the last one's descriptor is kept with its stack"),
    "leak_check_before_thread_started": (0, None, "what the loader made for the threads is reachable"),
    "cleanup_in_tsd_destructor": (0, None, "freed when the thread ended"),
    "swapcontext": (0, 1, "the other context's stack, mmapped here, is read like any memory"),
    "guard-page": (0, 1, "the same; a guard below it is not, and disturbs nothing"),
    "high_allocator_contention": (0, None, "threads are held at once, inside malloc and free too"),
    "fork_threaded": (0, 1, "the child has the stack of the thread that it lacks, until it is used again"),
    "fork_and_leak": (2, None, "the child lost one, and what a thread had that it does not have, once that one's stack is used again"),
    "realloc_failure_keeps_original": (0, None, "the old block is still the program's"),
    "realloc_zero": (0, None, "it is a free"),
}
# What does not apply: disabler, disabler_in_tsd_destructor, ignore_object, lsan_annotations, do_leak_check_override, default_options, link_turned_off,
# recoverable_leak_check, flag_retries, flag_tries are about LeakSanitizer's own calls and options; double_free, invalid_free, use_after_return and
# use_poisoned about other faults; suppressions_file is in test_run_leaks.py, and so are strace_test (another tracer) and signal_during_stop_the_world.
failed, known = 0, []
for name, (leaked, lsan, why) in CASES.items():
    work = tempfile.mkdtemp(prefix="heaptap-lsan-")
    env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_")}
    p = subprocess.run([HEAPTAP, "run", "-q", "--exact", "--leaks", "-o", work + "/%e.%p.pb.gz", "--", LSAN, name, MODULE], capture_output=True, text=True,
                       cwd=work, env=env, timeout=120)
    found = sum(int(m) for m in re.findall(r"(?m)^ *[\d.]+[kMG]?B? +(\d+) +\d+s +\d+%  made\b", p.stderr))
    good = p.returncode == 0 and found == leaked and "cannot look" not in p.stderr
    if not good:
        failed += 1
        print("FAIL %s: %d of `made` leaked, not %d (%s); status %d\n%s" % (name, found, leaked, why, p.returncode, p.stderr))
    elif lsan is not None:
        known.append("%s: %d, and %d with LeakSanitizer: %s" % (name, leaked, lsan, why))
print("\n".join(known))
print("lsan: %d programs, %d failed" % (len(CASES), failed))
sys.exit(1 if failed else 0)
