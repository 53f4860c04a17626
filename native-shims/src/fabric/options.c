/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a domain: lines of "key=value". */
#include "internal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define DEFAULT_PEER_TIMEOUT_MS 10000u
#define DEFAULT_HANDSHAKE_MS 5000u
#define MOST_MILLISECONDS 86400000u

enum kind { TEXT, NUMBER, HEX };

struct key {
  const char *name;
  enum kind kind;
  size_t offset;
  size_t capacity; /* of a text, with its NUL, or of bytes */
};

#define FIELD(name) offsetof(struct fabric_options, name), sizeof((struct fabric_options *)0)->name

static const struct key keys[] = {
    {"provider", TEXT, FIELD(provider)},
    {"endpoint", TEXT, FIELD(endpoint)},
    {"source", TEXT, FIELD(source)},
    {"route", TEXT, FIELD(route)},
    {"domain", TEXT, FIELD(domain)},
    {"auth_key", HEX, FIELD(auth_key)},
    {"wait", TEXT, FIELD(wait)},
    {"peer_timeout_ms", NUMBER, FIELD(peer_timeout_ms)},
    {"handshake_ms", NUMBER, FIELD(handshake_ms)},
};

static int set_text(char *field, const struct key *key, const char *value, size_t length) {
  if (length >= key->capacity)
    return shim_fail(EINVAL, "libfabric option %s=%.*s: longer than %zu characters", key->name, (int)length, value,
                     key->capacity - 1u);
  memcpy(field, value, length);
  field[length] = '\0';
  return 0;
}

static int set_number(uint32_t *field, const struct key *key, const char *value, size_t length) {
  uint64_t number = 0;
  bool valid = length > 0 && length <= 9;
  for (size_t i = 0; valid && i < length; i++) {
    valid = value[i] >= '0' && value[i] <= '9';
    number = number * 10u + (uint64_t)(value[i] - '0');
  }
  if (!valid || number == 0 || number > MOST_MILLISECONDS)
    return shim_fail(EINVAL, "libfabric option %s=%.*s: wants milliseconds, 1 to %u", key->name, (int)length, value,
                     MOST_MILLISECONDS);
  *field = (uint32_t)number;
  return 0;
}

static int digit_of(char character) {
  if (character >= '0' && character <= '9')
    return character - '0';
  if (character >= 'a' && character <= 'f')
    return character - 'a' + 10;
  return -1;
}

/* The value is a secret: it is not repeated in texts. */
static int set_auth_key(struct fabric_options *options, const struct key *key, const char *value, size_t length) {
  bool valid = length > 0 && length % 2u == 0 && length / 2u <= key->capacity;
  for (size_t i = 0; valid && i < length; i += 2) {
    int high = digit_of(value[i]);
    int low = digit_of(value[i + 1u]);
    valid = high >= 0 && low >= 0;
    if (valid)
      options->auth_key[i / 2u] = (uint8_t)(high * 16 + low);
  }
  if (!valid)
    return shim_fail(EINVAL, "libfabric option %s: wants 1 to %zu bytes as lower-case hexadecimal digits", key->name,
                     key->capacity);
  options->auth_key_bytes = (uint32_t)(length / 2u);
  return 0;
}

static int parse_line(struct fabric_options *options, const char *line, size_t length) {
  const char *equals = memchr(line, '=', length);
  if (equals == NULL)
    return shim_fail(EINVAL, "libfabric option \"%.*s\" is not key=value", (int)length, line);
  size_t name_length = (size_t)(equals - line);
  const char *value = equals + 1;
  size_t value_length = length - name_length - 1u;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    const struct key *key = &keys[i];
    if (strlen(key->name) != name_length || memcmp(key->name, line, name_length) != 0)
      continue;
    void *field = (char *)options + key->offset;
    if (key->kind == HEX)
      return set_auth_key(options, key, value, value_length);
    return key->kind == TEXT ? set_text(field, key, value, value_length) : set_number(field, key, value, value_length);
  }
  return shim_fail(EINVAL,
                   "unknown libfabric option \"%.*s\"; known are provider, endpoint, source, route, domain, auth_key, "
                   "wait, peer_timeout_ms and handshake_ms",
                   (int)name_length, line);
}

static int check(const struct fabric_options *options) {
  static const char *const kinds[] = {"auto", "msg", "rdm"};
  if (options->provider[0] == '\0')
    return shim_fail(EINVAL, "libfabric needs a provider: provider=tcp, as \"fi_info -l\" lists them");
  bool known = false;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    known = known || strcmp(options->endpoint, kinds[i]) == 0;
  if (!known)
    return shim_fail(EINVAL, "libfabric option endpoint=%s: wants msg, rdm or auto", options->endpoint);
  if (strcmp(options->wait, "sleep") != 0 && strcmp(options->wait, "poll") != 0)
    return shim_fail(EINVAL, "libfabric option wait=%s: wants sleep or poll", options->wait);
  return 0;
}

int fabric_parse_options(struct fabric_options *options, const char *text) {
  *options = (struct fabric_options){.endpoint = "auto",
                                     .wait = "sleep",
                                     .peer_timeout_ms = DEFAULT_PEER_TIMEOUT_MS,
                                     .handshake_ms = DEFAULT_HANDSHAKE_MS};
  while (*text != '\0') {
    size_t length = strcspn(text, "\n");
    int error = length > 0 ? parse_line(options, text, length) : 0;
    if (error != 0)
      return error;
    text += length;
    if (*text == '\n')
      text++;
  }
  return check(options);
}
