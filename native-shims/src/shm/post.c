/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests. They run at once on the mapping of the peer's memory; what fails to run completes with a status. */
#include "../common/futex.h"
#include "internal.h"
#include "local-completion.h"
#include "message.h"

#include <errno.h>
#include <string.h>

#define WORK_FLAGS (SHIM_SIGNALED | SHIM_INLINE | SHIM_SOLICITED | SHIM_IMMEDIATE | SHIM_PLACED)

void shm_wake_peer(struct shim_endpoint *endpoint, uint32_t armed, bool solicited) {
  if ((armed & SHM_ARMED_SOLICITED) != 0 && !solicited)
    return;
  armed = shm_producer_disarm(&endpoint->producer);
  if ((armed & SHM_ARMED_FUTEX) != 0)
    shim_futex_wake(&endpoint->producer.inbox->armed);
  if ((armed & SHM_ARMED_SOCKET) != 0) {
    struct shm_header wake = shm_make_header(SHM_WAKE);
    /* A full socket has messages that wake the peer's bridge as well; a closed one ends the connection anyway. */
    (void)shm_send(endpoint->socket, &wake, sizeof wake, NULL, 0);
  }
}

/* The memory of a segment, or NULL when it is not what it says. */
static inline uint8_t *segment_memory(const struct shim_endpoint *endpoint, const struct shim_segment *segment,
                                      bool result) {
  const struct shim_region *region = (const struct shim_region *)(uintptr_t)segment->region;
  if (__builtin_expect(region == NULL || region->domain != endpoint->domain || segment->offset > region->length ||
                           segment->length > region->length - segment->offset,
                       0))
    return NULL;
  if (result && (region->access & (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE)) == 0)
    return NULL;
  return region->address + segment->offset;
}

/* Checks every segment and adds up their length. */
static inline bool measure(const struct shim_endpoint *endpoint, const struct shim_work *work, bool result,
                           uint64_t *bytes) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < work->segment_count; i++) {
    if (segment_memory(endpoint, &work->segments[i], result) == NULL)
      return false;
    total += work->segments[i].length; /* each is shorter than INT64_MAX / 2 and there are 8: checked below */
    if (__builtin_expect(total > UINT32_MAX, 0)) {
      *bytes = UINT64_MAX;
      return true;
    }
  }
  *bytes = total;
  return true;
}

/* Small payloads are the rule: a call of memcpy costs more than they do. */
static inline void copy(uint8_t *to, const uint8_t *from, uint64_t bytes) {
  if (bytes == 32u)
    (void)__builtin_memcpy(to, from, 32u);
  else if (bytes == 64u)
    (void)__builtin_memcpy(to, from, 64u);
  else if (bytes > 0)
    memcpy(to, from, bytes);
}

static inline void gather(const struct shim_endpoint *endpoint, const struct shim_work *work, uint8_t *to) {
  for (uint32_t i = 0; i < work->segment_count; i++) {
    copy(to, segment_memory(endpoint, &work->segments[i], false), work->segments[i].length);
    to += work->segments[i].length;
  }
}

static void scatter(const struct shim_endpoint *endpoint, const struct shim_work *work, const uint8_t *from) {
  for (uint32_t i = 0; i < work->segment_count; i++) {
    copy(segment_memory(endpoint, &work->segments[i], true), from, work->segments[i].length);
    from += work->segments[i].length;
  }
}

/* The peer's memory of a request, or NULL when it may not be reached so. */
static inline uint8_t *target_memory(const struct shim_endpoint *endpoint, const struct shim_work *work, uint64_t bytes,
                                     uint32_t access) {
  if (__builtin_expect(work->target >= endpoint->target_count, 0))
    return NULL;
  const struct shm_target *target = &endpoint->targets[work->target];
  if (__builtin_expect((target->access & access) == 0 || work->target_offset > target->length ||
                           bytes > target->length - work->target_offset,
                       0))
    return NULL;
  return target->address + work->target_offset;
}

static inline uint32_t credit_status(struct shim_endpoint *endpoint) {
  int credit = shm_producer_has_credit(&endpoint->producer);
  if (__builtin_expect(credit > 0, 1))
    return SHIM_SUCCESS;
  if (credit == 0)
    return SHIM_RECEIVER_NOT_READY;
  shm_endpoint_violation(endpoint, "its count of posted receives is impossible");
  return SHIM_FLUSHED;
}

static inline void announce(struct shim_endpoint *endpoint, const struct shim_work *work, uint32_t bytes) {
  uint64_t body = shm_descriptor_body(work->opcode, work->flags & (SHIM_IMMEDIATE | SHIM_SOLICITED), bytes);
  uint32_t armed = shm_producer_publish(&endpoint->producer, body, work->immediate);
  if (__builtin_expect(armed != 0, 0))
    shm_wake_peer(endpoint, armed, (work->flags & SHIM_SOLICITED) != 0);
}

static inline uint32_t run_write(struct shim_endpoint *endpoint, const struct shim_work *work, uint64_t *bytes) {
  bool placed = (work->flags & SHIM_PLACED) != 0;
  const uint8_t *only = NULL; /* of one segment, which is the rule, and checked once */
  if (placed) {
    *bytes = work->operand;
  } else if (work->segment_count == 1) {
    only = segment_memory(endpoint, &work->segments[0], false);
    if (only == NULL)
      return SHIM_LOCAL_PROTECTION_ERROR;
    *bytes = work->segments[0].length;
  } else if (!measure(endpoint, work, false, bytes)) {
    return SHIM_LOCAL_PROTECTION_ERROR;
  }
  if (__builtin_expect(*bytes > UINT32_MAX, 0))
    return SHIM_LOCAL_LENGTH_ERROR;
  uint8_t *memory = NULL;
  if (*bytes > 0) {
    memory = target_memory(endpoint, work, *bytes, SHIM_REMOTE_WRITE);
    if (memory == NULL)
      return SHIM_REMOTE_ACCESS_ERROR;
  }
  if ((work->flags & SHIM_IMMEDIATE) != 0) {
    uint32_t status = credit_status(endpoint);
    if (__builtin_expect(status != SHIM_SUCCESS, 0))
      return status;
  }
  if (only != NULL && memory != NULL)
    copy(memory, only, *bytes);
  else if (!placed && memory != NULL)
    gather(endpoint, work, memory);
  if ((work->flags & SHIM_IMMEDIATE) != 0)
    announce(endpoint, work, (uint32_t)*bytes);
  return SHIM_SUCCESS;
}

static uint32_t run_send(struct shim_endpoint *endpoint, const struct shim_work *work, uint64_t *bytes) {
  if (!measure(endpoint, work, false, bytes))
    return SHIM_LOCAL_PROTECTION_ERROR;
  if (*bytes > SHM_MAX_SEND_BYTES)
    return SHIM_LOCAL_LENGTH_ERROR;
  uint32_t status = credit_status(endpoint);
  if (status != SHIM_SUCCESS)
    return status;
  struct shm_producer *producer = &endpoint->producer;
  if (*bytes > 0)
    gather(endpoint, work, shm_inbox_payload(producer->inbox, producer->mask, producer->count, (uint32_t)*bytes));
  announce(endpoint, work, (uint32_t)*bytes);
  return SHIM_SUCCESS;
}

static uint32_t run_read(struct shim_endpoint *endpoint, const struct shim_work *work, uint64_t *bytes) {
  if (!measure(endpoint, work, true, bytes))
    return SHIM_LOCAL_PROTECTION_ERROR;
  if (*bytes > UINT32_MAX)
    return SHIM_LOCAL_LENGTH_ERROR;
  if (*bytes == 0)
    return SHIM_SUCCESS;
  const uint8_t *memory = target_memory(endpoint, work, *bytes, SHIM_REMOTE_READ);
  if (memory == NULL)
    return SHIM_REMOTE_ACCESS_ERROR;
  scatter(endpoint, work, memory);
  return SHIM_SUCCESS;
}

static uint32_t run_atomic(struct shim_endpoint *endpoint, const struct shim_work *work, uint64_t *bytes) {
  if (!measure(endpoint, work, true, bytes))
    return SHIM_LOCAL_PROTECTION_ERROR;
  if (*bytes != sizeof(uint64_t))
    return SHIM_LOCAL_LENGTH_ERROR;
  uint8_t *memory = target_memory(endpoint, work, *bytes, SHIM_REMOTE_ATOMIC);
  if (memory == NULL || ((uintptr_t)memory & 7u) != 0)
    return SHIM_REMOTE_ACCESS_ERROR;
  uint64_t *word = (uint64_t *)(void *)memory;
  uint64_t before = work->operand;
  if (work->opcode == SHIM_FETCH_ADD)
    before = __atomic_fetch_add(word, work->operand, __ATOMIC_SEQ_CST);
  else /* stores what is there in `before` when it does not match */
    (void)__atomic_compare_exchange_n(word, &before, work->swap, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  scatter(endpoint, work, (const uint8_t *)&before);
  return SHIM_SUCCESS;
}

static __attribute__((cold, noinline)) int cannot_post(const struct shim_endpoint *endpoint,
                                                       const struct shim_work *work) {
  int32_t state = __atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE);
  if (state != SHIM_ESTABLISHED)
    return shim_fail_not_connected("posting a request", endpoint->id, state, endpoint->end.text);
  if (work->segment_count > SHIM_MAX_SEGMENTS)
    return shim_fail(EINVAL, "posting a request of %u segments: at most %u are possible", work->segment_count,
                     SHIM_MAX_SEGMENTS);
  if (endpoint->send_outstanding >= endpoint->send_depth)
    return shim_fail(ENOBUFS, "posting a request: all %u of endpoint %u are outstanding; take completions first",
                     endpoint->send_depth, endpoint->id);
  return shim_fail(ENOBUFS, "posting a request: completion queue %u is full with %u; take completions first",
                   endpoint->send_queue->id, endpoint->send_queue->depth);
}

static __attribute__((cold, noinline)) int no_request(const struct shim_work *work) {
  return shim_fail(EINVAL, "posting a request: operation %u with flags 0x%x is none", work->opcode, work->flags);
}

int shim_post(struct shim_endpoint *endpoint, const struct shim_work *work) {
  if (__builtin_expect(__atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE) != SHIM_ESTABLISHED ||
                           work->segment_count > SHIM_MAX_SEGMENTS ||
                           endpoint->send_outstanding >= endpoint->send_depth ||
                           !shm_local_has_room(endpoint->send_queue),
                       0))
    return cannot_post(endpoint, work);
  if (__builtin_expect((work->flags & ~(uint32_t)WORK_FLAGS) != 0 ||
                           ((work->flags & SHIM_PLACED) != 0 && work->opcode != SHIM_WRITE) ||
                           ((work->flags & SHIM_IMMEDIATE) != 0 && work->opcode > SHIM_WRITE),
                       0))
    return no_request(work);
  uint64_t bytes = 0;
  uint32_t status;
  switch (work->opcode) {
  case SHIM_WRITE:
    status = run_write(endpoint, work, &bytes);
    break;
  case SHIM_SEND:
    status = run_send(endpoint, work, &bytes);
    break;
  case SHIM_READ:
    status = run_read(endpoint, work, &bytes);
    break;
  case SHIM_FETCH_ADD:
  case SHIM_COMPARE_SWAP:
    status = run_atomic(endpoint, work, &bytes);
    break;
  default:
    return no_request(work);
  }
  if ((work->flags & SHIM_SIGNALED) != 0 || __builtin_expect(status != SHIM_SUCCESS, 0))
    shm_local_push(endpoint->send_queue, endpoint, work, status, (uint32_t)bytes);
  return 0;
}
