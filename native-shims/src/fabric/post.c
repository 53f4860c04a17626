/* SPDX-License-Identifier: BSD-3-Clause */
/* Posting requests: checked here, since what a peer refuses ends the connection with some providers. */
#include "internal.h"
#include "prepared.h"

#include <errno.h>
#include <string.h>

#define WORK_FLAGS (SHIM_SIGNALED | SHIM_INLINE | SHIM_SOLICITED | SHIM_IMMEDIATE)
#define WRITABLE (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE | SHIM_REMOTE_ATOMIC)
#define UNSIGNALED_PER_SLOT 4u /* unsignaled requests under way, in multiples of the send depth */

/* The segments as libfabric wants them: SHIM_SUCCESS or what is wrong with them. */
static inline uint32_t gather(const struct shim_endpoint *endpoint, const struct shim_work *work,
                              struct fabric_prepared *prepared) {
  bool filled = work->opcode >= SHIM_READ;
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
    prepared->stretches[count] = (struct iovec){region->address + segment->offset, segment->length};
    prepared->descs[count++] = region->desc;
    bytes += segment->length;
  }
  prepared->count = count;
  prepared->bytes = bytes;
  return SHIM_SUCCESS;
}

static inline uint32_t needed_access(uint32_t opcode) {
  return opcode == SHIM_WRITE ? SHIM_REMOTE_WRITE : opcode == SHIM_READ ? SHIM_REMOTE_READ : SHIM_REMOTE_ATOMIC;
}

static inline uint32_t aim(const struct shim_endpoint *endpoint, const struct shim_work *work,
                           struct fabric_prepared *prepared) {
  if (__builtin_expect(work->target >= endpoint->target_count, 0))
    return SHIM_REMOTE_ACCESS_ERROR;
  const struct fabric_target *target = &endpoint->targets[work->target];
  uint64_t address = target->address + work->target_offset;
  if (__builtin_expect(address < target->start || address > target->end || prepared->bytes > target->end - address ||
                           address < target->address || (target->access & needed_access(work->opcode)) == 0,
                       0))
    return SHIM_REMOTE_ACCESS_ERROR;
  prepared->remote_address = address;
  prepared->rkey = target->rkey;
  return SHIM_SUCCESS;
}

static uint32_t check_atomic(const struct shim_endpoint *endpoint, const struct fabric_prepared *prepared) {
  if (prepared->bytes != sizeof(uint64_t) || prepared->count != 1)
    return SHIM_LOCAL_LENGTH_ERROR;
  if ((prepared->remote_address & 7u) != 0)
    return SHIM_REMOTE_ACCESS_ERROR;
  return endpoint->domain->has_atomics ? SHIM_SUCCESS : SHIM_REMOTE_OPERATION_ERROR;
}

static inline uint32_t prepare(const struct shim_endpoint *endpoint, const struct shim_work *work,
                               struct fabric_prepared *prepared) {
  prepared->opcode = work->opcode;
  prepared->flags = work->flags;
  prepared->wr_id = work->wr_id;
  prepared->immediate = work->immediate;
  prepared->operand = work->operand;
  prepared->swap = work->swap;
  prepared->remote_address = endpoint->landing.address;
  prepared->rkey = endpoint->landing.rkey;
  uint32_t status = gather(endpoint, work, prepared);
  if (__builtin_expect(status != SHIM_SUCCESS, 0))
    return status;
  if (work->opcode != SHIM_SEND && prepared->bytes > 0)
    status = aim(endpoint, work, prepared);
  if (__builtin_expect(status == SHIM_SUCCESS && work->opcode >= SHIM_FETCH_ADD, 0))
    status = check_atomic(endpoint, prepared);
  if (__builtin_expect(status == SHIM_SUCCESS && work->opcode == SHIM_SEND && prepared->bytes > endpoint->max_send, 0))
    status = SHIM_LOCAL_LENGTH_ERROR;
  return status;
}

static __attribute__((cold, noinline)) int not_possible(struct shim_endpoint *endpoint, const struct shim_work *work,
                                                        uint32_t status) {
  struct shim_completion completion = {
      .endpoint_id = endpoint->id, .opcode = work->opcode, .status = status, .wr_id = work->wr_id};
  endpoint->unreaped++;
  return fabric_queue_add(endpoint->send_queue, endpoint, &completion);
}

static __attribute__((cold, noinline)) int cannot_post(const struct shim_endpoint *endpoint,
                                                       const struct shim_work *work) {
  if (endpoint->state != SHIM_ESTABLISHED)
    return shim_fail_not_connected("posting a request", endpoint->id, endpoint->state, endpoint->end.text);
  if ((work->flags & SHIM_PLACED) != 0)
    return shim_fail(EOPNOTSUPP, "posting a write that is placed already: libfabric cannot map a peer's memory");
  if (work->segment_count > endpoint->max_segments)
    return shim_fail(EINVAL, "posting a request of %u segments: the provider takes %u", work->segment_count,
                     endpoint->max_segments);
  return shim_fail(EINVAL, "posting a request: operation %u with flags 0x%x is none", work->opcode, work->flags);
}

static __attribute__((cold, noinline)) int queue_full(const struct shim_endpoint *endpoint) {
  return shim_fail(ENOBUFS, "posting a request: all %u of endpoint %u are outstanding; take completions first",
                   endpoint->send_depth, endpoint->id);
}

static inline bool is_full(const struct shim_endpoint *endpoint) {
  return endpoint->unreaped >= endpoint->send_depth ||
         endpoint->in_flight >= UNSIGNALED_PER_SLOT * endpoint->send_depth;
}

/* What libfabric refuses for good ends the connection: nobody knows what of it was done. */
static __attribute__((cold, noinline)) int refused(struct shim_endpoint *endpoint, int64_t answer) {
  int error = fabric_fail(endpoint->domain, "posting", answer, "posting a request");
  fabric_libfabric_ended(endpoint);
  return error;
}

static void *collect(const struct fabric_prepared *prepared, uint8_t *to) {
  void *start = to;
  for (uint32_t i = 0; i < prepared->count; i++) {
    memcpy(to, prepared->stretches[i].iov_base, prepared->stretches[i].iov_len);
    to += prepared->stretches[i].iov_len;
  }
  return start;
}

/* The caller may use its memory again at once: the payload moves into the operation. */
static void move_payload(struct fabric_op *op, struct fabric_prepared *prepared) {
  prepared->stretches[0] = (struct iovec){collect(prepared, op->payload), prepared->bytes};
  prepared->descs[0] = op->desc;
  prepared->count = 1;
}

/* A write of no bytes is one of a byte to the peer's landing: providers lose those that have none. Those that report
 * the length of a write do not. */
static void stand_in(struct fabric_op *op, struct fabric_prepared *prepared) {
  prepared->stretches[0] = (struct iovec){op->payload, 1};
  prepared->descs[0] = op->desc;
  prepared->count = 1;
}

/* Nobody waits for the end of such a request, and its memory may be used again at once: no completion is needed. */
static inline bool may_be_forgotten(const struct shim_endpoint *endpoint, const struct fabric_prepared *prepared) {
  return prepared->opcode == SHIM_WRITE && (prepared->flags & (SHIM_SIGNALED | SHIM_IMMEDIATE)) == SHIM_IMMEDIATE &&
         prepared->bytes <= endpoint->domain->max_inject && endpoint->domain->max_inject > 0 &&
         ((prepared->flags & SHIM_INLINE) != 0 || prepared->bytes == 0) &&
         (prepared->bytes > 0 || !endpoint->domain->reports_length) && endpoint->ready &&
         shim_list_is_empty(&endpoint->kept) && fabric_fits_data(endpoint->domain, prepared);
}

static inline int64_t inject(struct shim_endpoint *endpoint, const struct fabric_prepared *prepared) {
  static const uint8_t nothing[1];
  uint8_t gathered[FABRIC_MOST_INLINE];
  const void *payload = prepared->count == 0   ? nothing
                        : prepared->count == 1 ? prepared->stretches[0].iov_base
                                               : collect(prepared, gathered);
  return fabric_inject(endpoint, payload, prepared);
}

static int post(struct shim_endpoint *endpoint, struct fabric_prepared *prepared) {
  struct shim_domain *domain = endpoint->domain;
  struct fabric_op *op = fabric_op_take(domain);
  if (__builtin_expect(op == NULL, 0))
    return -ENOMEM;
  op->endpoint = endpoint;
  op->kind = FABRIC_WORK;
  op->opcode = (uint8_t)prepared->opcode;
  op->wr_id = prepared->wr_id;
  op->signaled = (prepared->flags & SHIM_SIGNALED) != 0;
  if ((prepared->flags & SHIM_INLINE) != 0 && prepared->opcode <= SHIM_WRITE && prepared->bytes <= FABRIC_MOST_INLINE &&
      prepared->bytes > 0)
    move_payload(op, prepared);
  if (__builtin_expect(prepared->bytes == 0 && prepared->opcode == SHIM_WRITE && !domain->reports_length, 0))
    stand_in(op, prepared);
  int64_t answer = -FI_EAGAIN;
  if (__builtin_expect(endpoint->ready && shim_list_is_empty(&endpoint->kept), 1)) {
    answer = fabric_issue(endpoint, op, prepared);
    if (answer == -FI_EAGAIN && !op->half_done) {
      (void)fabric_port_read(endpoint->port);
      answer = fabric_issue(endpoint, op, prepared);
    }
  }
  if (__builtin_expect(answer == -FI_EAGAIN, 0)) {
    int error = fabric_keep(endpoint, op, prepared);
    if (error != 0 && !op->half_done) {
      fabric_op_give(domain, op);
      return error;
    }
    if (error != 0)
      fabric_endpoint_doom(endpoint, SHIM_PROTOCOL_VIOLATION, "libfabric wrote, and there is no memory to tell of it");
  } else if (__builtin_expect(answer != 0, 0)) {
    if (!op->half_done) {
      fabric_op_give(domain, op);
      return refused(endpoint, answer);
    }
    fabric_endpoint_doom(endpoint, SHIM_PROTOCOL_VIOLATION, "libfabric wrote and refused to tell of it (%s)",
                         fi_strerror((int)-answer));
  }
  endpoint->in_flight++;
  if (op->signaled)
    endpoint->unreaped++;
  return 0;
}

static inline int check_and_post(struct shim_endpoint *endpoint, const struct shim_work *work) {
  if (__builtin_expect(endpoint->state != SHIM_ESTABLISHED || work->segment_count > endpoint->max_segments ||
                           work->opcode - 1u >= SHIM_COMPARE_SWAP || (work->flags & ~(uint32_t)WORK_FLAGS) != 0 ||
                           ((work->flags & SHIM_IMMEDIATE) != 0 && work->opcode > SHIM_WRITE),
                       0))
    return cannot_post(endpoint, work);
  if (__builtin_expect(is_full(endpoint), 0)) {
    fabric_progress(endpoint->domain);
    if (endpoint->state != SHIM_ESTABLISHED)
      return cannot_post(endpoint, work);
    if (is_full(endpoint))
      return queue_full(endpoint);
  }
  struct fabric_prepared prepared;
  uint32_t status = prepare(endpoint, work, &prepared);
  if (__builtin_expect(status != SHIM_SUCCESS, 0))
    return not_possible(endpoint, work, status);
  int64_t answer = may_be_forgotten(endpoint, &prepared) ? inject(endpoint, &prepared) : -FI_EAGAIN;
  if (__builtin_expect(answer == 0, 1))
    return 0;
  /* A provider without room, or one that takes less at once than it says, may still take it with a completion. */
  return answer == -FI_EAGAIN || answer == -FI_EMSGSIZE || answer == -FI_ENOSYS ? post(endpoint, &prepared)
                                                                                : refused(endpoint, answer);
}

int shim_post(struct shim_endpoint *endpoint, const struct shim_work *work) {
  fabric_lock(endpoint->domain);
  int error = check_and_post(endpoint, work);
  fabric_unlock(endpoint->domain);
  return error;
}
