/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

#include <errno.h>

#define BATCH 16u

static int check_buffer(const struct shim_endpoint *endpoint, const struct shim_region *region, uint64_t offset,
                        uint64_t length) {
  if (region->domain != endpoint->domain || offset > region->length || length > region->length - offset)
    return shim_fail(EINVAL, "posting a receive into bytes %llu to %llu of a region of %llu bytes%s",
                     (unsigned long long)offset, (unsigned long long)(offset + length),
                     (unsigned long long)region->length,
                     region->domain != endpoint->domain ? " of another protection domain" : "");
  if ((region->access & (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE)) == 0)
    return shim_fail(EINVAL, "posting a receive into a region that was opened without local write access");
  return 0;
}

static __attribute__((cold, noinline)) int cannot_post(const struct shim_endpoint *endpoint, uint32_t count) {
  if (endpoint->state >= SHIM_DISCONNECTED)
    return shim_fail_not_connected("posting a receive", endpoint->id, endpoint->state, endpoint->end.text);
  return shim_fail(ENOBUFS,
                   "posting %u receives: %u of %u are posted on endpoint %u; take completions first, or open it "
                   "with a larger receive depth",
                   count, endpoint->receive_outstanding, endpoint->receive_depth, endpoint->id);
}

static int post(struct shim_endpoint *endpoint, struct ibv_sge *buffer, uint64_t wr_id, uint32_t count) {
  struct ibv_recv_wr list[BATCH];
  for (uint32_t i = 0; i < count; i++)
    list[i] = (struct ibv_recv_wr){.wr_id = wr_id,
                                   .next = i + 1u < count ? &list[i + 1u] : NULL,
                                   .sg_list = buffer,
                                   .num_sge = buffer->length > 0 ? 1 : 0};
  struct ibv_recv_wr *bad = NULL;
  int error = ibv_post_recv(endpoint->qp, list, &bad);
  if (error != 0)
    return shim_fail(error == ENOMEM ? ENOBUFS : error, "posting a receive on endpoint %u: the device refuses (%s)",
                     endpoint->id, shim_errno_name(error));
  endpoint->receive_outstanding += count;
  return 0;
}

int shim_post_receive(struct shim_endpoint *endpoint, struct shim_region *region, uint64_t offset, uint64_t length,
                      uint32_t wr_id, uint32_t count) {
  if (__builtin_expect(__atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE) >= SHIM_DISCONNECTED ||
                           count > endpoint->receive_depth - endpoint->receive_outstanding,
                       0))
    return cannot_post(endpoint, count);
  struct ibv_sge buffer = {0};
  if (region != NULL) {
    int error = check_buffer(endpoint, region, offset, length);
    if (error != 0)
      return error;
    buffer = (struct ibv_sge){(uint64_t)(uintptr_t)(region->address + offset),
                              length > INT32_MAX ? INT32_MAX : (uint32_t)length, region->lkey};
  }
  uint64_t id = VERBS_RECEIVE_BIT | verbs_work_id(endpoint->id, region == NULL ? 0 : wr_id);
  while (count > 0) {
    uint32_t some = count < BATCH ? count : BATCH;
    int error = post(endpoint, &buffer, id, some);
    if (error != 0)
      return error;
    count -= some;
  }
  return 0;
}
