/* SPDX-License-Identifier: BSD-3-Clause */
/* Posting requests: checked here as far as they can be, since a request that the peer refuses ends the connection. */
#include "internal.h"
#include "prepared.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORK_FLAGS (SHIM_SIGNALED | SHIM_INLINE | SHIM_SOLICITED | SHIM_IMMEDIATE)
#define WRITABLE (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE | SHIM_REMOTE_ATOMIC)

/* The segments as the device wants them: SHIM_SUCCESS or what is wrong with them. */
static inline uint32_t gather(const struct shim_endpoint *endpoint, const struct shim_work *work, bool filled,
                              struct verbs_prepared *prepared) {
  uint64_t bytes = 0;
  uint32_t count = 0;
  for (uint32_t i = 0; i < work->segment_count; i++) {
    const struct shim_segment *segment = &work->segments[i];
    const struct shim_region *region = (const struct shim_region *)(uintptr_t)segment->region;
    if (segment->length == 0)
      continue;
    if (__builtin_expect(region->domain != endpoint->domain || segment->offset > region->length ||
                             segment->length > region->length - segment->offset ||
                             (filled && (region->access & WRITABLE) == 0),
                         0))
      return SHIM_LOCAL_PROTECTION_ERROR;
    prepared->stretches[count++] =
        (struct verbs_stretch){(uint64_t)(uintptr_t)(region->address + segment->offset), segment->length, region->lkey};
    bytes += segment->length;
  }
  prepared->stretch_count = count;
  prepared->bytes = bytes;
  return SHIM_SUCCESS;
}

static inline uint32_t aim(const struct shim_endpoint *endpoint, const struct shim_work *work,
                           struct verbs_prepared *prepared) {
  if (__builtin_expect(work->target >= endpoint->target_count, 0))
    return SHIM_REMOTE_ACCESS_ERROR;
  const struct verbs_target *target = &endpoint->targets[work->target];
  if (__builtin_expect(work->target_offset > target->length || prepared->bytes > target->length - work->target_offset,
                       0))
    return SHIM_REMOTE_ACCESS_ERROR;
  prepared->remote_address = target->address + work->target_offset;
  prepared->rkey = target->rkey;
  return SHIM_SUCCESS;
}

static inline uint32_t check_atomic(const struct shim_endpoint *endpoint, const struct verbs_prepared *prepared) {
  if (prepared->bytes != sizeof(uint64_t) || prepared->stretch_count != 1)
    return SHIM_LOCAL_LENGTH_ERROR;
  if ((prepared->remote_address & 7u) != 0)
    return SHIM_REMOTE_ACCESS_ERROR;
  return endpoint->domain->device.atomic_cap == IBV_ATOMIC_NONE ? SHIM_REMOTE_OPERATION_ERROR : SHIM_SUCCESS;
}

static inline uint32_t prepare(const struct shim_endpoint *endpoint, const struct shim_work *work,
                               struct verbs_prepared *prepared) {
  prepared->work = work;
  prepared->remote_address = 0;
  prepared->rkey = 0;
  bool filled = work->opcode >= SHIM_READ;
  uint32_t status = gather(endpoint, work, filled, prepared);
  if (__builtin_expect(status != SHIM_SUCCESS, 0))
    return status;
  if (work->opcode != SHIM_SEND && prepared->bytes > 0)
    status = aim(endpoint, work, prepared);
  if (__builtin_expect(status == SHIM_SUCCESS && work->opcode >= SHIM_FETCH_ADD, 0))
    status = check_atomic(endpoint, prepared);
  /* Whoever takes an immediate or a send is told its length once, by one message. */
  bool whole = work->opcode == SHIM_SEND || (work->flags & SHIM_IMMEDIATE) != 0;
  if (__builtin_expect(status == SHIM_SUCCESS && prepared->bytes > endpoint->domain->max_message, 0) &&
      (whole || verbs_parts(endpoint, prepared) > endpoint->slots))
    status = SHIM_LOCAL_LENGTH_ERROR;
  return status;
}

static __attribute__((cold, noinline)) int not_possible(struct shim_endpoint *endpoint, const struct shim_work *work,
                                                        uint32_t status) {
  struct shim_completion completion = {
      .endpoint_id = endpoint->id, .opcode = work->opcode, .status = status, .wr_id = work->wr_id};
  struct shim_queue *queue = endpoint->send_queue;
  int error = verbs_queue_add(queue, &completion);
  if (error != 0)
    return error;
  endpoint->unreaped++;
  /* No event of the device will tell of it. */
  verbs_lock(endpoint->domain);
  verbs_queue_give_event(queue);
  verbs_unlock(endpoint->domain);
  return 0;
}

static __attribute__((cold, noinline)) int cannot_post(const struct shim_endpoint *endpoint,
                                                       const struct shim_work *work) {
  int32_t state = __atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE);
  if (state != SHIM_ESTABLISHED)
    return shim_fail_not_connected("posting a request", endpoint->id, state, endpoint->end.text);
  if ((work->flags & SHIM_PLACED) != 0)
    return shim_fail(EOPNOTSUPP, "posting a write that is placed already: verbs cannot map a peer's memory");
  if (work->segment_count > endpoint->domain->max_segments)
    return shim_fail(EINVAL, "posting a request of %u segments: the device takes %u", work->segment_count,
                     endpoint->domain->max_segments);
  return shim_fail(EINVAL, "posting a request: operation %u with flags 0x%x is none", work->opcode, work->flags);
}

static __attribute__((cold, noinline)) int queue_full(const struct shim_endpoint *endpoint) {
  return shim_fail(ENOBUFS, "posting a request: all %u of endpoint %u are outstanding; take completions first",
                   endpoint->send_depth, endpoint->id);
}

static inline bool has_room(const struct shim_endpoint *endpoint, const struct verbs_prepared *prepared) {
  uint32_t free_slots = endpoint->slots - (endpoint->posted - endpoint->done);
  if (__builtin_expect(prepared->bytes > endpoint->domain->max_message, 0))
    return verbs_parts(endpoint, prepared) <= free_slots;
  return free_slots > 0;
}

/* Until the peer is ready the bridge may be about to post what was kept: the lock decides who is first. */
static __attribute__((cold, noinline)) int post_early(struct shim_endpoint *endpoint,
                                                      const struct verbs_prepared *prepared) {
  verbs_lock(endpoint->domain);
  int error = __atomic_load_n(&endpoint->ready, __ATOMIC_ACQUIRE) != 0 ? verbs_post_prepared(endpoint, prepared)
                                                                       : verbs_defer(endpoint, prepared);
  verbs_unlock(endpoint->domain);
  return error;
}

int shim_post(struct shim_endpoint *endpoint, const struct shim_work *work) {
  if (__builtin_expect(__atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE) != SHIM_ESTABLISHED ||
                           work->segment_count > endpoint->domain->max_segments ||
                           work->opcode - 1u >= SHIM_COMPARE_SWAP || (work->flags & ~(uint32_t)WORK_FLAGS) != 0 ||
                           ((work->flags & SHIM_IMMEDIATE) != 0 && work->opcode > SHIM_WRITE),
                       0))
    return cannot_post(endpoint, work);
  if (__builtin_expect(endpoint->unreaped >= endpoint->send_depth, 0))
    return queue_full(endpoint);
  struct verbs_prepared prepared;
  uint32_t status = prepare(endpoint, work, &prepared);
  if (__builtin_expect(status != SHIM_SUCCESS, 0))
    return not_possible(endpoint, work, status);
  if (__builtin_expect(!has_room(endpoint, &prepared), 0)) {
    verbs_queue_reap(endpoint->send_queue);
    if (!has_room(endpoint, &prepared))
      return queue_full(endpoint);
  }
  int error = __builtin_expect(__atomic_load_n(&endpoint->ready, __ATOMIC_ACQUIRE) != 0, 1)
                  ? verbs_post_prepared(endpoint, &prepared)
                  : post_early(endpoint, &prepared);
  if (error == 0 && (work->flags & SHIM_SIGNALED) != 0)
    endpoint->unreaped++;
  return error;
}
