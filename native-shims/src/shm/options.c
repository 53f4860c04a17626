/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a domain: lines of "key=value". */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool shm_uid_allowed(const struct shim_domain *domain, uid_t uid) {
  for (uint32_t i = 0; i < domain->uid_count; i++)
    if (domain->uids[i] == uid)
      return true;
  return false;
}

/* A whole decimal number that fits 32 bits. */
static bool parse_number(const char *text, size_t length, uint32_t *number) {
  uint64_t value = 0;
  if (length == 0 || length > 10)
    return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9')
      return false;
    value = value * 10u + (uint64_t)(text[i] - '0');
  }
  *number = (uint32_t)value;
  return value <= UINT32_MAX;
}

static int parse_uids(struct shim_domain *domain, const char *value, size_t length) {
  domain->uid_count = 0;
  for (size_t begin = 0; begin <= length;) {
    const char *comma = memchr(value + begin, ',', length - begin);
    size_t end = comma != NULL ? (size_t)(comma - value) : length;
    uint32_t uid;
    if (!parse_number(value + begin, end - begin, &uid))
      return shim_fail(EINVAL, "option uids=%.*s: wants user ids like \"1000,0\"", (int)length, value);
    if (domain->uid_count == SHM_MAX_UIDS)
      return shim_fail(EINVAL, "option uids: more than %u user ids", SHM_MAX_UIDS);
    domain->uids[domain->uid_count++] = (uid_t)uid;
    begin = end + 1u;
  }
  return 0;
}

static int parse_directory(struct shim_domain *domain, const char *value, size_t length) {
  if (length == 0 || value[0] != '/')
    return shim_fail(EINVAL, "option directory=%.*s: wants an absolute path", (int)length, value);
  if (length >= sizeof domain->directory)
    return shim_fail(ENAMETOOLONG, "option directory=%.*s: longer than %zu bytes, which a socket's address cannot hold",
                     (int)length, value, sizeof domain->directory - 1u);
  memcpy(domain->directory, value, length);
  domain->directory[length] = '\0';
  return 0;
}

static bool key_is(const char *line, size_t key_length, const char *key) {
  return key_length == strlen(key) && memcmp(line, key, key_length) == 0;
}

static int parse_line(struct shim_domain *domain, const char *line, size_t length) {
  const char *equals = memchr(line, '=', length);
  if (equals == NULL)
    return shim_fail(EINVAL, "shm option \"%.*s\" is not key=value", (int)length, line);
  size_t key_length = (size_t)(equals - line);
  const char *value = equals + 1;
  size_t value_length = length - key_length - 1u;
  if (key_is(line, key_length, "directory"))
    return parse_directory(domain, value, value_length);
  if (key_is(line, key_length, "uids"))
    return parse_uids(domain, value, value_length);
  if (key_is(line, key_length, "handshake_ms")) {
    if (parse_number(value, value_length, &domain->handshake_ms) && domain->handshake_ms > 0)
      return 0;
    return shim_fail(EINVAL, "option handshake_ms=%.*s: wants a positive number", (int)value_length, value);
  }
  if (key_is(line, key_length, "direct_map")) {
    if (parse_number(value, value_length, &domain->direct_map) && domain->direct_map <= 1)
      return 0;
    return shim_fail(EINVAL, "option direct_map=%.*s: wants 0 or 1", (int)value_length, value);
  }
  return shim_fail(EINVAL, "unknown shm option \"%.*s\"; known are directory, uids, handshake_ms and direct_map",
                   (int)key_length, line);
}

int shm_parse_options(struct shim_domain *domain, const char *options) {
  while (*options != '\0') {
    size_t length = strcspn(options, "\n");
    if (length > 0) {
      int error = parse_line(domain, options, length);
      if (error != 0)
        return error;
    }
    options += length;
    if (*options == '\n')
      options++;
  }
  bool is_default = domain->directory[0] == '\0';
  int error = is_default ? shm_directory_default(domain) : 0;
  return error != 0 ? error : shm_directory_prepare(domain, is_default);
}
