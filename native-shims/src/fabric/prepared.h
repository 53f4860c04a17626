/* SPDX-License-Identifier: BSD-3-Clause */
/* A checked request, independent of regions and targets. */
#ifndef FABRIC_PREPARED_H
#define FABRIC_PREPARED_H

#include "internal.h"

struct fabric_prepared {
  uint32_t opcode;
  uint32_t flags; /* enum shim_work_flags */
  uint32_t wr_id;
  uint32_t immediate;
  uint32_t count; /* of the stretches */
  uint64_t bytes;
  uint64_t remote_address;
  uint64_t rkey;
  uint64_t operand;
  uint64_t swap;
  struct iovec stretches[SHIM_MAX_SEGMENTS];
  void *descs[SHIM_MAX_SEGMENTS];
};

/* A request that could not go out yet. */
struct fabric_kept {
  struct shim_list link;
  struct fabric_op *op; /* NULL: the write is under way on its own, only the message about it is to follow */
  struct fabric_prepared prepared;
};

/* What the data of a write to an FI_EP_RDM endpoint says: immediate, slot, bytes. */
#define FABRIC_LENGTH_BITS 18u
#define FABRIC_SLOT_BITS 14u
#define FABRIC_MOST_BYTES ((UINT64_C(1) << FABRIC_LENGTH_BITS) - 1u)
#define FABRIC_MOST_SLOTS (1u << FABRIC_SLOT_BITS)

/* Whether the data of a write has room for what is to be said of it. */
static inline bool fabric_fits_data(const struct shim_domain *domain, const struct fabric_prepared *prepared) {
  return !domain->is_rdm || (!domain->by_message && prepared->bytes <= FABRIC_MOST_BYTES);
}

/* issue.c: hands a request to libfabric: 0, -FI_EAGAIN, or another negative errno of libfabric. */
int64_t fabric_issue(struct shim_endpoint *endpoint, struct fabric_op *op, const struct fabric_prepared *prepared);
/* The message about a write that is under way. */
int64_t fabric_tell(struct shim_endpoint *endpoint, const struct fabric_prepared *prepared);
/* The same as fabric_issue for a write with an immediate that may be forgotten once it is posted. Its bytes are at
 * `payload`. */
int64_t fabric_inject(struct shim_endpoint *endpoint, const void *payload, const struct fabric_prepared *prepared);
/* A read of the peer's landing, behind everything posted before. */
int64_t fabric_issue_fence(struct shim_endpoint *endpoint);
/* kept.c */
int fabric_keep(struct shim_endpoint *endpoint, struct fabric_op *op, const struct fabric_prepared *prepared);
void fabric_kept_post(struct shim_endpoint *endpoint);
void fabric_kept_drop(struct shim_endpoint *endpoint);

#endif
