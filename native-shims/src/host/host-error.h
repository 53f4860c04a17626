/* SPDX-License-Identifier: BSD-3-Clause */
/* The text that rfaas_host_error_text hands out: the calling thread's last failure. */
#ifndef RFAAS_HOST_ERROR_H
#define RFAAS_HOST_ERROR_H

/* Stores the text and returns -error. */
__attribute__((format(printf, 2, 3))) int rfaas_host_fail(int error, const char *format, ...);

#endif
