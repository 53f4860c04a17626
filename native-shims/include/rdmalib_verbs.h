/* SPDX-License-Identifier: BSD-3-Clause */
/* What the verbs library exports beside the common ABI: facts about a device, whether it can be used now or not. */
#ifndef RDMALIB_VERBS_H
#define RDMALIB_VERBS_H

#include "rdmalib_shim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 96 bytes. */
struct verbs_device_facts {
  uint32_t max_inline_bytes; /* found by making queue pairs; no attribute says so */
  uint32_t max_queue_pairs;
  uint32_t max_completion_queues;
  uint32_t max_memory_regions;
  uint32_t max_queue_depth; /* requests on a send or receive queue */
  uint32_t max_completions; /* on a completion queue */
  uint32_t max_segments;    /* of a request */
  uint32_t atomics;         /* 0: none, 1: atomic among this device's own, 2: also with processors */
  char firmware[64];        /* NUL-terminated */
};

/* Asks a device by name. 0; -ENODEV: libibverbs does not know it; -EACCES, -ENOMEM: it may not or cannot be opened. */
SHIM_API int verbs_query_device(const char *name, struct verbs_device_facts *facts);

#ifdef __cplusplus
}
#endif
#endif
