/* A stand-in for Cray's header: the same names, numbers of our own. */
#ifndef STAND_IN_RDMACRED_H
#define STAND_IN_RDMACRED_H
#include <stdint.h>

#define DRC_SUCCESS 0
#define DRC_EINVAL 11
#define DRC_EPERM 12 /* not granted */
#define DRC_ENOSPC 13
#define DRC_ALREADY_GRANTED 0x15

#define DRC_FLAGS_FLEX_CREDENTIAL (1 << 3)
enum drc_target {
  DRC_FLAGS_TARGET_WLM = 0x40,
  DRC_FLAGS_TARGET_UID,
};

typedef void *drc_info_handle_t;

int drc_acquire(uint32_t *credential, uint32_t flags);
int drc_grant(uint32_t credential, uint32_t value, uint32_t flags);
int drc_access(uint32_t credential, uint32_t flags, drc_info_handle_t *info);
uint32_t drc_get_first_cookie(drc_info_handle_t info);
uint32_t drc_get_wlm_id(void);
int drc_release(uint32_t credential, uint32_t flags);
#endif
