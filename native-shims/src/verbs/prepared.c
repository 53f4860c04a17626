/* SPDX-License-Identifier: BSD-3-Clause */
/* Handing checked requests to the device. */
#include "prepared.h"

#include <arpa/inet.h>
#include <errno.h>

static enum ibv_wr_opcode opcode_of(const struct shim_work *work) {
  bool immediate = (work->flags & SHIM_IMMEDIATE) != 0;
  switch (work->opcode) {
  case SHIM_SEND:
    return immediate ? IBV_WR_SEND_WITH_IMM : IBV_WR_SEND;
  case SHIM_WRITE:
    return immediate ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE;
  case SHIM_READ:
    return IBV_WR_RDMA_READ;
  case SHIM_FETCH_ADD:
    return IBV_WR_ATOMIC_FETCH_AND_ADD;
  default:
    return IBV_WR_ATOMIC_CMP_AND_SWP;
  }
}

static __attribute__((cold, noinline)) int refused(const struct shim_endpoint *endpoint, int error) {
  return shim_fail(error == ENOMEM ? ENOBUFS : error, "posting a request on endpoint %u: the device refuses (%s)",
                   endpoint->id, shim_errno_name(error));
}

/* Posts one message and notes what it was. */
static inline int post(struct shim_endpoint *endpoint, struct ibv_send_wr *wr, struct verbs_sent sent) {
  uint32_t position = endpoint->posted;
  wr->wr_id = verbs_work_id(endpoint->id, position);
  /* Unsignaled requests hold their place until a later one completes: some are signaled for that alone. */
  if (++endpoint->since_signal >= endpoint->signal_every)
    wr->send_flags |= IBV_SEND_SIGNALED;
  if ((wr->send_flags & IBV_SEND_SIGNALED) != 0)
    endpoint->since_signal = 0;
  endpoint->sent[position & endpoint->sent_mask] = sent;
  struct ibv_send_wr *bad;
  int error = ibv_post_send(endpoint->qp, wr, &bad);
  if (__builtin_expect(error != 0, 0))
    return refused(endpoint, error);
  endpoint->posted = position + 1u;
  return 0;
}

/* More than a message may carry: several, of which the last stands for all. */
static __attribute__((cold, noinline)) int post_parts(struct shim_endpoint *endpoint,
                                                      const struct verbs_prepared *prepared, struct ibv_send_wr wr,
                                                      uint32_t last_flags) {
  struct ibv_sge list[SHIM_MAX_SEGMENTS];
  uint64_t left = prepared->bytes;
  uint32_t stretch = 0;
  uint64_t used = 0;
  wr.sg_list = list;
  while (left > 0) {
    uint64_t room = endpoint->domain->max_message;
    wr.num_sge = 0;
    for (; room > 0 && stretch < prepared->stretch_count;) {
      const struct verbs_stretch *from = &prepared->stretches[stretch];
      uint64_t bytes = from->bytes - used < room ? from->bytes - used : room;
      list[wr.num_sge++] = (struct ibv_sge){from->address + used, (uint32_t)bytes, from->lkey};
      room -= bytes;
      left -= bytes;
      used += bytes;
      if (used == from->bytes) {
        stretch++;
        used = 0;
      }
    }
    wr.send_flags = left == 0 ? last_flags : 0;
    struct verbs_sent sent = {prepared->work->wr_id, (uint8_t)prepared->work->opcode,
                              left == 0 && (prepared->work->flags & SHIM_SIGNALED) != 0, left == 0};
    int error = post(endpoint, &wr, sent);
    if (error != 0)
      return error;
    wr.wr.rdma.remote_addr += endpoint->domain->max_message - room;
  }
  return 0;
}

int verbs_post_prepared(struct shim_endpoint *endpoint, const struct verbs_prepared *prepared) {
  const struct shim_work *work = prepared->work;
  struct ibv_send_wr wr;
  wr.next = NULL;
  wr.opcode = opcode_of(work);
  wr.send_flags = 0;
  if ((work->flags & SHIM_SIGNALED) != 0)
    wr.send_flags |= IBV_SEND_SIGNALED;
  if ((work->flags & SHIM_SOLICITED) != 0)
    wr.send_flags |= IBV_SEND_SOLICITED;
  if ((work->flags & SHIM_INLINE) != 0 && work->opcode <= SHIM_WRITE && prepared->bytes <= endpoint->max_inline)
    wr.send_flags |= IBV_SEND_INLINE;
  wr.imm_data = htonl(work->immediate);
  if (work->opcode >= SHIM_FETCH_ADD) {
    wr.wr.atomic.remote_addr = prepared->remote_address;
    wr.wr.atomic.rkey = prepared->rkey;
    wr.wr.atomic.compare_add = work->operand;
    wr.wr.atomic.swap = work->swap;
  } else {
    wr.wr.rdma.remote_addr = prepared->remote_address;
    wr.wr.rdma.rkey = prepared->rkey;
  }
  if (__builtin_expect(prepared->bytes > endpoint->domain->max_message, 0))
    return post_parts(endpoint, prepared, wr, wr.send_flags);
  struct ibv_sge list[SHIM_MAX_SEGMENTS];
  for (uint32_t i = 0; i < prepared->stretch_count; i++)
    list[i] = (struct ibv_sge){prepared->stretches[i].address, (uint32_t)prepared->stretches[i].bytes,
                               prepared->stretches[i].lkey};
  wr.sg_list = list;
  wr.num_sge = (int)prepared->stretch_count;
  return post(endpoint, &wr,
              (struct verbs_sent){work->wr_id, (uint8_t)work->opcode, (work->flags & SHIM_SIGNALED) != 0, true});
}

int verbs_post_own(struct shim_endpoint *endpoint, uint64_t source, uint32_t bytes, uint32_t lkey, uint64_t address,
                   uint32_t rkey) {
  struct ibv_sge from = {source, bytes, lkey};
  struct ibv_send_wr wr = {
      .sg_list = &from,
      .num_sge = bytes > 0 ? 1 : 0,
      .opcode = IBV_WR_RDMA_WRITE,
      .send_flags = IBV_SEND_SIGNALED,
      .wr.rdma = {.remote_addr = address, .rkey = rkey},
  };
  return post(endpoint, &wr, (struct verbs_sent){.last = true});
}
