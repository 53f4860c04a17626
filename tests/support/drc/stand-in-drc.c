/*
 * A stand-in for Cray's libdrc that writes every call to the file $STAND_IN_DRC_LOG. Credentials with an even last
 * digit cannot be accessed, and number 9 was granted already.
 */
#include "rdmacred.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CREDENTIAL 4000000007u
#define COOKIE 0xfedcba98u

static struct { uint32_t credential; } information;

static void record(const char *format, ...) {
  FILE *log = fopen(getenv("STAND_IN_DRC_LOG"), "a");
  va_list arguments;
  va_start(arguments, format);
  if (log == NULL || vfprintf(log, format, arguments) < 0 || fclose(log) != 0)
    abort();
  va_end(arguments);
}

int drc_acquire(uint32_t *credential, uint32_t flags) {
  record("drc_acquire(%u)\n", flags);
  *credential = CREDENTIAL;
  return DRC_SUCCESS;
}

int drc_grant(uint32_t credential, uint32_t value, uint32_t flags) {
  record("drc_grant(%u, %u, %u)\n", credential, value, flags);
  if (credential == 9u)
    return -DRC_ALREADY_GRANTED;
  return value == 0 ? -DRC_EINVAL : DRC_SUCCESS;
}

int drc_access(uint32_t credential, uint32_t flags, drc_info_handle_t *info) {
  record("drc_access(%u, %u)\n", credential, flags);
  if (credential % 2u == 0)
    return -DRC_EPERM;
  information.credential = credential;
  *info = &information;
  return DRC_SUCCESS;
}

uint32_t drc_get_first_cookie(drc_info_handle_t info) {
  record("drc_get_first_cookie(%s)\n", info == &information ? "what drc_access gave" : "something else");
  return COOKIE;
}

uint32_t drc_get_wlm_id(void) {
  record("drc_get_wlm_id()\n");
  return 4711u;
}

int drc_release(uint32_t credential, uint32_t flags) {
  record("drc_release(%u, %u)\n", credential, flags);
  return DRC_SUCCESS;
}
