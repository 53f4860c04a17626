/* SPDX-License-Identifier: BSD-3-Clause */
/* Sleeping on a word of memory. The futexes are shared ones: the word may lie in memory of two processes. */
#ifndef SHIM_FUTEX_H
#define SHIM_FUTEX_H

#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeps while *word is `value`, for at most `nanoseconds` (UINT64_MAX: no limit). Returns early at will. */
static inline void shim_futex_wait(uint32_t *word, uint32_t value, uint64_t nanoseconds) {
  struct timespec limit = {.tv_sec = (time_t)(nanoseconds / 1000000000u), .tv_nsec = (long)(nanoseconds % 1000000000u)};
  (void)syscall(SYS_futex, word, FUTEX_WAIT, value, nanoseconds == UINT64_MAX ? NULL : &limit, NULL, 0);
}

static inline void shim_futex_wake(uint32_t *word) {
  (void)syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

#endif
