/* SPDX-License-Identifier: BSD-3-Clause */
/* A checked request, independent of regions and targets. */
#ifndef VERBS_PREPARED_H
#define VERBS_PREPARED_H

#include "internal.h"

struct verbs_stretch {
  uint64_t address;
  uint64_t bytes;
  uint32_t lkey;
};

struct verbs_prepared {
  const struct shim_work *work; /* opcode, flags, wr_id, immediate, operands */
  struct verbs_stretch stretches[SHIM_MAX_SEGMENTS];
  uint32_t stretch_count;
  uint32_t rkey;
  uint64_t bytes;
  uint64_t remote_address;
};

/* How many messages a request takes: a device's messages are limited, a write is not. */
static inline uint32_t verbs_parts(const struct shim_endpoint *endpoint, const struct verbs_prepared *prepared) {
  uint64_t most = endpoint->domain->max_message;
  uint64_t parts = prepared->bytes == 0 ? 1u : (prepared->bytes + most - 1u) / most;
  return parts > UINT32_MAX ? UINT32_MAX : (uint32_t)parts;
}

/* Hands it to the device; there must be room for its parts. 0 or -errno with text. */
int verbs_post_prepared(struct shim_endpoint *endpoint, const struct verbs_prepared *prepared);
/* Keeps it, with its inline payload, until the peer is ready. With the lock held. */
int verbs_defer(struct shim_endpoint *endpoint, const struct verbs_prepared *prepared);
/* Posts everything that was kept. With the lock held. */
int verbs_post_deferred(struct shim_endpoint *endpoint);

#endif
