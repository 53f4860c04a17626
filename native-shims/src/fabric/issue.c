/* SPDX-License-Identifier: BSD-3-Clause */
/* Handing checked requests to libfabric. */
#include "internal.h"
#include "prepared.h"

#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>
#include <string.h>

/* The provider has it: its completion will come. */
static inline int64_t took(struct shim_endpoint *endpoint, struct fabric_op *op, int64_t answer) {
  if (__builtin_expect(answer == 0, 1)) {
    shim_list_append(&endpoint->outstanding, &op->link);
    fabric_port_touch(endpoint->port);
  }
  return answer;
}

/* Providers look at the first descriptor if there is a list of them, also for no bytes. */
static void **descs_of(const struct fabric_prepared *prepared) {
  return prepared->count > 0 ? (void **)(uintptr_t)prepared->descs : NULL;
}

static int64_t send_message(struct shim_endpoint *endpoint, struct fabric_op *op, struct iovec *stretches, void **descs,
                            uint32_t count) {
  struct fid_ep *ep = endpoint->port->ep;
  return count == 1 ? fi_send(ep, stretches[0].iov_base, stretches[0].iov_len, descs[0], endpoint->address, op)
                    : fi_sendv(ep, stretches, descs, count, endpoint->address, op);
}

/* FI_EP_RDM: a header says whose message it is. */
static int64_t send_with_header(struct shim_endpoint *endpoint, struct fabric_op *op,
                                const struct fabric_prepared *prepared) {
  struct iovec stretches[SHIM_MAX_SEGMENTS + 1u];
  void *descs[SHIM_MAX_SEGMENTS + 1u];
  op->header = (struct fabric_header){.secret = endpoint->secret,
                                      .slot = endpoint->peer_slot,
                                      .kind = FABRIC_SEND,
                                      .immediate = prepared->immediate,
                                      .flags = prepared->flags & SHIM_IMMEDIATE,
                                      .bytes = prepared->bytes};
  stretches[0] = (struct iovec){&op->header, sizeof op->header};
  descs[0] = op->desc;
  memcpy(&stretches[1], prepared->stretches, prepared->count * sizeof stretches[0]);
  memcpy(&descs[1], prepared->descs, prepared->count * sizeof descs[0]);
  return send_message(endpoint, op, stretches, descs, prepared->count + 1u);
}

static int64_t send_plain(struct shim_endpoint *endpoint, struct fabric_op *op,
                          const struct fabric_prepared *prepared) {
  struct fi_msg message = {.msg_iov = prepared->stretches,
                           .desc = descs_of(prepared),
                           .iov_count = prepared->count,
                           .addr = endpoint->address,
                           .context = op,
                           .data = prepared->immediate};
  uint64_t flags = FI_COMPLETION | ((prepared->flags & SHIM_IMMEDIATE) != 0 ? FI_REMOTE_CQ_DATA : 0);
  return fi_sendmsg(endpoint->port->ep, &message, flags);
}

/* A write whose bytes are the peer's once it completes. */
static int64_t write_only(struct shim_endpoint *endpoint, struct fabric_op *op, const struct fabric_prepared *prepared,
                          uint64_t flags, uint64_t data) {
  uint64_t bytes = prepared->bytes > 0 || prepared->count == 0 ? prepared->bytes : 1u; /* a stand-in has one */
  struct fi_rma_iov remote = {prepared->remote_address, bytes, prepared->rkey};
  struct fi_msg_rma message = {.msg_iov = prepared->stretches,
                               .desc = descs_of(prepared),
                               .iov_count = prepared->count,
                               .addr = endpoint->address,
                               .rma_iov = &remote,
                               .rma_iov_count = 1,
                               .context = op,
                               .data = data};
  return fi_writemsg(endpoint->port->ep, &message, flags | FI_COMPLETION);
}

static int64_t write_with_data(struct shim_endpoint *endpoint, struct fabric_op *op,
                               const struct fabric_prepared *prepared, uint64_t data) {
  if (__builtin_expect(prepared->count != 1, 0))
    return write_only(endpoint, op, prepared, FI_REMOTE_CQ_DATA, data);
  return fi_writedata(endpoint->port->ep, prepared->stretches[0].iov_base, prepared->stretches[0].iov_len,
                      prepared->descs[0], data, endpoint->address, prepared->remote_address, prepared->rkey, op);
}

/* The immediate as a message of its own, behind the write: where the data of a write has no room for what is to be
 * said. Messages do not overtake writes on one endpoint (FI_ORDER_SAW). */
int64_t fabric_tell(struct shim_endpoint *endpoint, const struct fabric_prepared *prepared) {
  struct fabric_op *op = fabric_op_take(endpoint->domain);
  if (op == NULL)
    return -FI_ENOMEM;
  op->endpoint = endpoint;
  op->kind = FABRIC_OWN;
  op->opcode = SHIM_SEND;
  op->header = (struct fabric_header){.secret = endpoint->secret,
                                      .slot = endpoint->peer_slot,
                                      .kind = FABRIC_WRITTEN,
                                      .immediate = prepared->immediate,
                                      .bytes = prepared->bytes};
  struct iovec stretch = {&op->header, sizeof op->header};
  int64_t answer = took(endpoint, op, send_message(endpoint, op, &stretch, &op->desc, 1));
  if (answer != 0)
    fabric_op_give(endpoint->domain, op);
  return answer;
}

static int64_t write_then_tell(struct shim_endpoint *endpoint, struct fabric_op *op,
                               const struct fabric_prepared *prepared) {
  int64_t answer = took(endpoint, op, write_only(endpoint, op, prepared, 0, 0));
  if (answer != 0)
    return answer;
  answer = fabric_tell(endpoint, prepared);
  op->half_done = answer != 0;
  return answer;
}

/* What the data says: the immediate, and what the receiver cannot know otherwise. */
static inline uint64_t data_of(const struct shim_endpoint *endpoint, const struct fabric_prepared *prepared) {
  uint64_t data = prepared->immediate;
  if (endpoint->domain->is_rdm)
    return data << 32 | (uint64_t)endpoint->peer_slot << FABRIC_LENGTH_BITS | prepared->bytes;
  return endpoint->domain->reports_length ? data : data | prepared->bytes << 32;
}

static int64_t write_immediate(struct shim_endpoint *endpoint, struct fabric_op *op,
                               const struct fabric_prepared *prepared) {
  struct shim_domain *domain = endpoint->domain;
  if (!fabric_fits_data(domain, prepared))
    return write_then_tell(endpoint, op, prepared);
  int64_t answer = took(endpoint, op, write_with_data(endpoint, op, prepared, data_of(endpoint, prepared)));
  /* cxi says how long the data of messages may be, and has no writes with data unless they are switched on. */
  if (__builtin_expect(answer != -FI_ENOSYS || !domain->is_rdm, 1))
    return answer;
  domain->by_message = true;
  return write_then_tell(endpoint, op, prepared);
}

int64_t fabric_inject(struct shim_endpoint *endpoint, const void *payload, const struct fabric_prepared *prepared) {
  int64_t answer =
      fi_inject_writedata(endpoint->port->ep, payload, prepared->bytes > 0 ? prepared->bytes : 1u,
                          data_of(endpoint, prepared), endpoint->address, prepared->remote_address, prepared->rkey);
  if (__builtin_expect(answer == 0, 1))
    fabric_port_touch(endpoint->port);
  return answer;
}

static int64_t fetch_add(struct shim_endpoint *endpoint, struct fabric_op *op, const struct fabric_prepared *prepared) {
  op->operand = prepared->operand;
  return fi_fetch_atomic(endpoint->port->ep, &op->operand, 1, op->desc, prepared->stretches[0].iov_base,
                         prepared->descs[0], endpoint->address, prepared->remote_address, prepared->rkey, FI_UINT64,
                         FI_SUM, op);
}

static int64_t compare_swap(struct shim_endpoint *endpoint, struct fabric_op *op,
                            const struct fabric_prepared *prepared) {
  op->operand = prepared->swap;
  op->compare = prepared->operand;
  return fi_compare_atomic(endpoint->port->ep, &op->operand, 1, op->desc, &op->compare, op->desc,
                           prepared->stretches[0].iov_base, prepared->descs[0], endpoint->address,
                           prepared->remote_address, prepared->rkey, FI_UINT64, FI_CSWAP, op);
}

static int64_t read_memory(struct shim_endpoint *endpoint, struct fabric_op *op,
                           const struct fabric_prepared *prepared) {
  struct iovec *stretches = (struct iovec *)(uintptr_t)prepared->stretches;
  return fi_readv(endpoint->port->ep, stretches, descs_of(prepared), prepared->count, endpoint->address,
                  prepared->remote_address, prepared->rkey, op);
}

int64_t fabric_issue(struct shim_endpoint *endpoint, struct fabric_op *op, const struct fabric_prepared *prepared) {
  switch (prepared->opcode) {
  case SHIM_WRITE:
    if (__builtin_expect((prepared->flags & SHIM_IMMEDIATE) != 0, 1))
      return write_immediate(endpoint, op, prepared);
    /* Only who is told of the end wants to know that the bytes are there. */
    return took(
        endpoint, op,
        write_only(endpoint, op, prepared, (prepared->flags & SHIM_SIGNALED) != 0 ? FI_DELIVERY_COMPLETE : 0, 0));
  case SHIM_SEND:
    return took(endpoint, op,
                endpoint->domain->is_rdm ? send_with_header(endpoint, op, prepared)
                                         : send_plain(endpoint, op, prepared));
  case SHIM_READ:
    return took(endpoint, op, read_memory(endpoint, op, prepared));
  case SHIM_FETCH_ADD:
    return took(endpoint, op, fetch_add(endpoint, op, prepared));
  default:
    return took(endpoint, op, compare_swap(endpoint, op, prepared));
  }
}

int64_t fabric_issue_fence(struct shim_endpoint *endpoint) {
  struct fabric_op *op = fabric_op_take(endpoint->domain);
  if (op == NULL)
    return -FI_ENOMEM;
  op->endpoint = endpoint;
  op->kind = FABRIC_OWN;
  op->opcode = SHIM_READ;
  struct fabric_prepared prepared = {.opcode = SHIM_READ,
                                     .count = 1,
                                     .bytes = sizeof op->operand,
                                     .remote_address = endpoint->landing.address,
                                     .rkey = endpoint->landing.rkey,
                                     .stretches = {{&op->operand, sizeof op->operand}},
                                     .descs = {op->desc}};
  int64_t answer = shim_list_is_empty(&endpoint->kept) ? fabric_issue(endpoint, op, &prepared) : -FI_EAGAIN;
  if (answer == -FI_EAGAIN)
    answer = fabric_keep(endpoint, op, &prepared);
  if (answer != 0)
    fabric_op_give(endpoint->domain, op);
  return answer;
}
