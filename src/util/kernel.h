/* SPDX-License-Identifier: MIT */
/* Numbers of the kernel's (x86-64) that the headers of an old libc lack. */
#ifndef HEAPTAP_SRC_UTIL_KERNEL_H
#define HEAPTAP_SRC_UTIL_KERNEL_H

#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef SYS_close_range /* Linux 5.9, glibc 2.33 */
#define SYS_close_range 436
#endif
#ifndef SYS_openat2 /* Linux 5.6, glibc 2.32 */
#define SYS_openat2 437
#endif
#ifndef MADV_POPULATE_READ /* Linux 5.14, glibc 2.35 */
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#endif
