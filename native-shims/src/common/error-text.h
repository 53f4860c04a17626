/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of the calling thread's last error: what was attempted, on what, what came back and what to do. */
#ifndef SHIM_ERROR_TEXT_H
#define SHIM_ERROR_TEXT_H

#include <stdint.h>

#define SHIM_ERROR_TEXT_BYTES 384

/* Stores the text and returns -error, for `return shim_fail(EINVAL, …)`. Keeps errno. */
int shim_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3), cold, noinline));
/* Fails what an endpoint in this state cannot do with -ENOTCONN; `end` is what is known of how its connection ended. */
int shim_fail_not_connected(const char *attempt, uint32_t endpoint_id, int32_t state, const char *end)
    __attribute__((cold, noinline));
/* Copies the text of the calling thread and returns its length. */
int shim_copy_error_text(char *text, uint32_t capacity);
/* "ENOENT" for the errnos that this code meets, else a number. */
const char *shim_errno_name(int error);

#endif
