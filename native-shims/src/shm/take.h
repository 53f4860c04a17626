/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking completions, inlined where threads poll and spin. What is not a write with an immediate is in receive.c. */
#ifndef SHM_TAKE_H
#define SHM_TAKE_H

#include "internal.h"

/* Uses up the oldest receive. There must be one. */
static inline struct shm_receive *shm_receive_use(struct shim_endpoint *endpoint) {
  struct shm_receive *oldest = &endpoint->receives[endpoint->receive_head & endpoint->receive_mask];
  endpoint->receive_outstanding--;
  if (--oldest->count == 0)
    endpoint->receive_head++;
  return oldest;
}

static inline uint32_t shm_endpoint_take(struct shim_endpoint *endpoint, struct shim_completion *completions,
                                         uint32_t capacity) {
  const uint32_t solicited = SHIM_SOLICITED << 8;
  const uint32_t expected = SHIM_WRITE | SHIM_IMMEDIATE << 8;
  /* The state first: once it says disconnected, the ring holds all that will ever come. */
  int32_t state = __atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE);
  uint32_t taken = 0;
  uint64_t body;
  uint32_t immediate;
  while (taken < capacity && shm_consumer_take(&endpoint->consumer, &body, &immediate)) {
    struct shim_completion *completion = &completions[taken];
    /* Where there are several, the lines of the next ones travel at the same time. A line that is not written yet is
     * not asked for while there is one at a time: taking it from the producer would cost more. */
    if (taken > 0)
      shm_consumer_prefetch(&endpoint->consumer);
    if (__builtin_expect(((uint32_t)body & ~solicited) == expected && endpoint->receive_outstanding > 0, 1)) {
      *completion = (struct shim_completion){
          .endpoint_id = endpoint->id,
          .opcode = SHIM_RECEIVE_WRITE_IMMEDIATE,
          .status = SHIM_SUCCESS,
          .wr_id = shm_receive_use(endpoint)->wr_id,
          .flags = SHIM_IMMEDIATE,
          .immediate = immediate,
          .byte_length = (uint32_t)(body >> 32),
      };
    } else if (!shm_receive_complete(endpoint, body, immediate, completion)) {
      break;
    }
    taken++;
  }
  if (__builtin_expect(state >= SHIM_DISCONNECTED && taken < capacity, 0))
    taken += shm_receives_flush(endpoint, completions + taken, capacity - taken);
  return taken;
}

static inline uint32_t shm_poll(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  uint32_t taken = 0;
  if (queue->local_head != queue->local_tail)
    taken = shm_local_take(queue, completions, capacity);
  if (__builtin_expect(queue->active_count == 1, 1))
    return taken + shm_endpoint_take(queue->active[0], completions + taken, capacity - taken);
  return taken + shm_take_in_turn(queue, completions + taken, capacity - taken);
}

#endif
