/* SPDX-License-Identifier: BSD-3-Clause */
/* Completions of own requests. */
#ifndef SHM_LOCAL_COMPLETION_H
#define SHM_LOCAL_COMPLETION_H

#include "internal.h"

/* Owes the event loop a READABLE event no longer: gives it. Owner only. */
void shm_queue_give_event(struct shim_queue *queue);

static inline bool shm_local_has_room(const struct shim_queue *queue) {
  return queue->local_tail - queue->local_head < queue->depth;
}

static inline void shm_local_push(struct shim_queue *queue, struct shim_endpoint *endpoint,
                                  const struct shim_work *work, uint32_t status, uint32_t bytes) {
  struct shm_local_completion *local = &queue->local[queue->local_tail++ & queue->local_mask];
  local->endpoint = endpoint;
  local->completion = (struct shim_completion){
      .endpoint_id = endpoint->id,
      .opcode = work->opcode,
      .status = status,
      .wr_id = work->wr_id,
      .byte_length = bytes,
  };
  endpoint->send_outstanding++;
  if (__builtin_expect(__atomic_load_n(&queue->event_armed, __ATOMIC_RELAXED) != 0, 0))
    shm_queue_give_event(queue);
}

#endif
