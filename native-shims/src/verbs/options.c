/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a domain: lines of "key=value". */
#include "internal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* 268 ms, seven times: a host that stands still for a second, as an emulated one may, is not given up. */
#define DEFAULT_ACK_TIMEOUT 16u
#define DEFAULT_RETRY_COUNT 6u   /* Soft-RoCE takes 7 for ever */
#define DEFAULT_RNR_RETRY 7u     /* without end: a peer that lives will post a receive, and one that died answers not */
#define DEFAULT_MIN_RNR_TIMER 7u /* 0.12 ms; rdma_cm would leave 0, which is 655 ms */

struct key {
  const char *name;
  size_t offset;
  size_t capacity;  /* of a text, with its NUL; 0: a number */
  uint32_t highest; /* number */
};

static const struct key keys[] = {
    {"device", offsetof(struct verbs_options, device), sizeof((struct verbs_options *)0)->device, 0},
    {"source", offsetof(struct verbs_options, source), sizeof((struct verbs_options *)0)->source, 0},
    {"route", offsetof(struct verbs_options, route), sizeof((struct verbs_options *)0)->route, 0},
    {"port", offsetof(struct verbs_options, port), 0, 255},
    {"ack_timeout", offsetof(struct verbs_options, ack_timeout), 0, 31},
    {"retry_count", offsetof(struct verbs_options, retry_count), 0, 7},
    {"rnr_retry", offsetof(struct verbs_options, rnr_retry), 0, 7},
    {"min_rnr_timer", offsetof(struct verbs_options, min_rnr_timer), 0, 31},
};

static int set_text(char *field, const struct key *key, const char *value, size_t length) {
  if (length >= key->capacity)
    return shim_fail(EINVAL, "verbs option %s=%.*s: longer than %zu characters", key->name, (int)length, value,
                     key->capacity - 1u);
  memcpy(field, value, length);
  field[length] = '\0';
  return 0;
}

static int set_number(uint32_t *field, const struct key *key, const char *value, size_t length) {
  uint32_t number = 0;
  bool valid = length > 0 && length <= 3;
  for (size_t i = 0; valid && i < length; i++) {
    valid = value[i] >= '0' && value[i] <= '9';
    number = number * 10u + (uint32_t)(value[i] - '0');
  }
  if (!valid || number > key->highest)
    return shim_fail(EINVAL, "verbs option %s=%.*s: wants a number from 0 to %u", key->name, (int)length, value,
                     key->highest);
  *field = number;
  return 0;
}

static int parse_line(struct verbs_options *options, const char *line, size_t length) {
  const char *equals = memchr(line, '=', length);
  if (equals == NULL)
    return shim_fail(EINVAL, "verbs option \"%.*s\" is not key=value", (int)length, line);
  size_t name_length = (size_t)(equals - line);
  const char *value = equals + 1;
  size_t value_length = length - name_length - 1u;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    const struct key *key = &keys[i];
    if (strlen(key->name) != name_length || memcmp(key->name, line, name_length) != 0)
      continue;
    void *field = (char *)options + key->offset;
    return key->capacity > 0 ? set_text(field, key, value, value_length) : set_number(field, key, value, value_length);
  }
  return shim_fail(EINVAL,
                   "unknown verbs option \"%.*s\"; known are device, port, source, route, ack_timeout, retry_count, "
                   "rnr_retry and min_rnr_timer",
                   (int)name_length, line);
}

int verbs_parse_options(struct verbs_options *options, const char *text) {
  *options = (struct verbs_options){
      .ack_timeout = DEFAULT_ACK_TIMEOUT,
      .retry_count = DEFAULT_RETRY_COUNT,
      .rnr_retry = DEFAULT_RNR_RETRY,
      .min_rnr_timer = DEFAULT_MIN_RNR_TIMER,
  };
  while (*text != '\0') {
    size_t length = strcspn(text, "\n");
    int error = length > 0 ? parse_line(options, text, length) : 0;
    if (error != 0)
      return error;
    text += length;
    if (*text == '\n')
      text++;
  }
  return 0;
}
