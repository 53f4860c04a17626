/* SPDX-License-Identifier: BSD-3-Clause */
#include "host-error.h"
#include "rfaas_host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Room for two paths of a loader's message. */
static _Thread_local char last_error[1024];

int rfaas_host_fail(int error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return -error;
}

int rfaas_host_error_text(char *text, uint32_t capacity) {
  if (text == NULL || capacity == 0) {
    return -EINVAL;
  }
  size_t length = strnlen(last_error, sizeof last_error);
  length = length < capacity ? length : capacity - 1u;
  memcpy(text, last_error, length);
  text[length] = '\0';
  return (int)length;
}
