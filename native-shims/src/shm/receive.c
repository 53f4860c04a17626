/* SPDX-License-Identifier: BSD-3-Clause */
/* Posted receives, and what the peer's descriptors make of them. */
#include "internal.h"
#include "take.h"

#include <errno.h>
#include <string.h>

static struct shm_receive *newest(struct shim_endpoint *endpoint) {
  return &endpoint->receives[(endpoint->receive_tail - 1u) & endpoint->receive_mask];
}

static void append(struct shim_endpoint *endpoint, struct shm_receive receive) {
  endpoint->receives[endpoint->receive_tail++ & endpoint->receive_mask] = receive;
}

static int not_connectable(const struct shim_endpoint *endpoint) {
  return shim_fail_not_connected("posting a receive", endpoint->id, endpoint->state, endpoint->end.text);
}

static int queue_full(const struct shim_endpoint *endpoint, uint32_t count) {
  return shim_fail(ENOBUFS,
                   "posting %u receives: %u of %u are posted on endpoint %u; take completions first, or open it "
                   "with a larger receive depth",
                   count, endpoint->receive_outstanding, endpoint->receive_depth, endpoint->id);
}

/* Buffers of sends. */
static int append_buffer(struct shim_endpoint *endpoint, struct shim_region *region, uint64_t offset, uint64_t length,
                         uint32_t wr_id, uint32_t count) {
  if (region->domain != endpoint->domain || offset > region->length || length > region->length - offset)
    return shim_fail(EINVAL, "posting a receive into bytes %llu to %llu of a region of %llu bytes%s",
                     (unsigned long long)offset, (unsigned long long)(offset + length),
                     (unsigned long long)region->length,
                     region->domain != endpoint->domain ? " of another protection domain" : "");
  if ((region->access & (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE)) == 0)
    return shim_fail(EINVAL, "posting a receive into a region that was opened without local write access");
  append(endpoint, (struct shm_receive){
                       .region = region,
                       .address = region->address + offset,
                       .length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length,
                       .wr_id = wr_id,
                       .count = count,
                   });
  return 0;
}

int shim_post_receive(struct shim_endpoint *endpoint, struct shim_region *region, uint64_t offset, uint64_t length,
                      uint32_t wr_id, uint32_t count) {
  if (__builtin_expect(__atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE) >= SHIM_DISCONNECTED, 0))
    return not_connectable(endpoint);
  if (__builtin_expect(count > endpoint->receive_depth - endpoint->receive_outstanding, 0))
    return queue_full(endpoint, count);
  if (count == 0)
    return 0;
  if (region != NULL) {
    int error = append_buffer(endpoint, region, offset, length, wr_id, count);
    if (error != 0)
      return error;
  } else if (endpoint->receive_head != endpoint->receive_tail && newest(endpoint)->region == NULL &&
             !newest(endpoint)->closed) {
    newest(endpoint)->count += count;
  } else {
    append(endpoint, (struct shm_receive){.count = count});
  }
  endpoint->receive_outstanding += count;
  endpoint->receives_posted += count;
  shm_consumer_grant(&endpoint->consumer, endpoint->receives_posted);
  return 0;
}

void shm_receives_forget_region(struct shim_endpoint *endpoint, const struct shim_region *region) {
  for (uint32_t i = endpoint->receive_head; i != endpoint->receive_tail; i++) {
    struct shm_receive *receive = &endpoint->receives[i & endpoint->receive_mask];
    if (receive->region != region)
      continue;
    receive->region = NULL;
    receive->closed = true;
  }
}

static void take_send(struct shim_endpoint *endpoint, const struct shm_receive *receive, uint32_t length,
                      struct shim_completion *completion) {
  const struct shm_consumer *consumer = &endpoint->consumer;
  completion->opcode = SHIM_RECEIVE;
  completion->wr_id = receive->wr_id;
  if (receive->closed)
    completion->status = SHIM_LOCAL_PROTECTION_ERROR;
  else if (length > receive->length)
    completion->status = SHIM_LOCAL_LENGTH_ERROR;
  else if (length > 0)
    memcpy(receive->address, shm_inbox_payload(consumer->inbox, consumer->mask, consumer->count - 1u, length), length);
}

/* Why the descriptor is none that this fabric allows, or NULL. */
static const char *wrong(const struct shim_endpoint *endpoint, uint32_t opcode, uint32_t flags, uint32_t length) {
  if (endpoint->receive_outstanding == 0)
    return "it used a receive that was not posted";
  if ((flags & ~(uint32_t)(SHIM_IMMEDIATE | SHIM_SOLICITED)) != 0)
    return "its descriptor has unknown flags";
  if (opcode != SHIM_SEND)
    return "its descriptor has an unknown operation";
  return length > SHM_MAX_SEND_BYTES ? "its descriptor announces a send longer than any" : NULL;
}

bool shm_receive_complete(struct shim_endpoint *endpoint, uint64_t body, uint32_t immediate,
                          struct shim_completion *completion) {
  uint32_t flags = (uint32_t)(body >> 8) & 0xffffffu;
  uint32_t length = (uint32_t)(body >> 32);
  const char *violation = wrong(endpoint, (uint32_t)body & 0xffu, flags, length);
  if (violation != NULL) {
    endpoint->consumer.count--;
    shm_endpoint_violation(endpoint, "%s", violation);
    return false;
  }
  *completion = (struct shim_completion){
      .endpoint_id = endpoint->id,
      .flags = flags & SHIM_IMMEDIATE,
      .immediate = immediate,
      .byte_length = length,
  };
  take_send(endpoint, shm_receive_use(endpoint), length, completion);
  return true;
}

uint32_t shm_receives_flush(struct shim_endpoint *endpoint, struct shim_completion *completions, uint32_t capacity) {
  uint32_t taken = 0;
  while (taken < capacity && endpoint->receive_outstanding > 0)
    completions[taken++] = (struct shim_completion){.endpoint_id = endpoint->id,
                                                    .opcode = SHIM_RECEIVE,
                                                    .status = SHIM_FLUSHED,
                                                    .wr_id = shm_receive_use(endpoint)->wr_id};
  if (endpoint->receive_outstanding == 0)
    shm_queue_deactivate(endpoint->receive_queue, endpoint);
  return taken;
}
