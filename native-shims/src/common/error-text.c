/* SPDX-License-Identifier: BSD-3-Clause */
#include "error-text.h"

#include "../../include/rdmalib_shim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static __thread char error_text[SHIM_ERROR_TEXT_BYTES];

int shim_fail(int error, const char *format, ...) {
  int kept = errno;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error_text, sizeof error_text, format, arguments);
  va_end(arguments);
  errno = kept;
  return -error;
}

int shim_fail_not_connected(const char *attempt, uint32_t endpoint_id, int32_t state, const char *end) {
  if (state < SHIM_ESTABLISHED)
    return shim_fail(ENOTCONN, "%s: endpoint %u is not connected yet", attempt, endpoint_id);
  const char *separator = end[0] == '\0' ? "" : ": ";
  return shim_fail(ENOTCONN, "%s: endpoint %u is disconnected%s%s", attempt, endpoint_id, separator, end);
}

int shim_copy_error_text(char *text, uint32_t capacity) {
  size_t length = strlen(error_text);
  if (text == NULL || capacity == 0)
    return (int)length;
  size_t copied = length < capacity ? length : capacity - 1u;
  memcpy(text, error_text, copied);
  text[copied] = '\0';
  return (int)copied;
}

const char *shim_errno_name(int error) {
  static const struct {
    int error;
    const char *name;
  } names[] = {
      {EACCES, "EACCES"},
      {EADDRINUSE, "EADDRINUSE"},
      {EAGAIN, "EAGAIN"},
      {EBUSY, "EBUSY"},
      {ECONNREFUSED, "ECONNREFUSED"},
      {ECONNRESET, "ECONNRESET"},
      {EEXIST, "EEXIST"},
      {EFBIG, "EFBIG"},
      {EINVAL, "EINVAL"},
      {ELOOP, "ELOOP"},
      {EMFILE, "EMFILE"},
      {ENAMETOOLONG, "ENAMETOOLONG"},
      {ENFILE, "ENFILE"},
      {ENODEV, "ENODEV"},
      {ENOENT, "ENOENT"},
      {ENOMEM, "ENOMEM"},
      {ENOSPC, "ENOSPC"},
      {ENOSYS, "ENOSYS"},
      {ENOTCONN, "ENOTCONN"},
      {ENOTDIR, "ENOTDIR"},
      {EPERM, "EPERM"},
      {EPIPE, "EPIPE"},
      {EPROTO, "EPROTO"},
      {EROFS, "EROFS"},
      {ETIMEDOUT, "ETIMEDOUT"},
  };
  static __thread char number[24];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].error == error)
      return names[i].name;
  (void)snprintf(number, sizeof number, "errno %d", error);
  return number;
}
