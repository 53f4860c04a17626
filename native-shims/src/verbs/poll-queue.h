/* SPDX-License-Identifier: BSD-3-Clause */
/* Polling, inlined into the loops that spin. */
#ifndef VERBS_POLL_QUEUE_H
#define VERBS_POLL_QUEUE_H

#include "internal.h"

#define VERBS_POLL_BATCH 16u

/* The caller takes a completion: a request counts as outstanding no longer. */
static inline void verbs_delivered(struct shim_queue *queue, const struct shim_completion *completion) {
  if (completion->opcode > SHIM_COMPARE_SWAP)
    return;
  struct shim_endpoint *endpoint = queue->last;
  if (endpoint == NULL || endpoint->id != completion->endpoint_id)
    endpoint = verbs_find_endpoint(queue->domain, completion->endpoint_id);
  if (endpoint != NULL)
    endpoint->unreaped--;
}

static inline uint32_t verbs_take_pending(struct shim_queue *queue, struct shim_completion *completions,
                                          uint32_t capacity) {
  uint32_t taken = 0;
  while (taken < capacity && queue->pending_count > 0) {
    completions[taken] = queue->pending[queue->pending_head];
    queue->pending_head = (queue->pending_head + 1u) % queue->pending_capacity;
    queue->pending_count--;
    verbs_delivered(queue, &completions[taken++]);
  }
  return taken;
}

static inline int verbs_poll(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  uint32_t taken = 0;
  if (__builtin_expect(queue->pending_count > 0, 0))
    taken = verbs_take_pending(queue, completions, capacity);
  while (taken < capacity) {
    struct ibv_wc wc[VERBS_POLL_BATCH];
    uint32_t wanted = capacity - taken < VERBS_POLL_BATCH ? capacity - taken : VERBS_POLL_BATCH;
    int found = ibv_poll_cq(queue->cq, (int)wanted, wc);
    for (int i = 0; i < found; i++)
      if (verbs_translate(queue, &wc[i], &completions[taken]))
        verbs_delivered(queue, &completions[taken++]);
    if (found < (int)wanted)
      break;
  }
  return (int)taken;
}

#endif
