/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for completions: spinning, sleeping, and owing the event loop an event.
 *
 * With one endpoint a thread sleeps on the armed word of its inbox, and the producer wakes it directly. With several,
 * and for event loops, the producer sends a wake message over the socket, which the bridge turns into a wake-up.
 */
#include "../common/clock.h"
#include "../common/futex.h"
#include "internal.h"
#include "local-completion.h"
#include "take.h"

#define FREE_SPINS 64u      /* before the clock is read for the first time */
#define SPINS_PER_CLOCK 32u /* between two readings */

static void give_event(struct shim_queue *queue) {
  if (__atomic_exchange_n(&queue->event_armed, 0, __ATOMIC_SEQ_CST) != 0)
    shim_event_push(&queue->domain->events, &queue->readable);
}

void shm_queue_give_event(struct shim_queue *queue) {
  shm_lock(queue->domain);
  give_event(queue);
  shm_unlock(queue->domain);
}

void shm_queue_wake(struct shim_queue *queue, uint32_t notices) {
  if (notices != 0) {
    (void)__atomic_fetch_or(&queue->notices, notices, __ATOMIC_SEQ_CST);
    uint32_t *sleeping = __atomic_load_n(&queue->sleeping, __ATOMIC_SEQ_CST);
    if (sleeping != NULL) {
      (void)__atomic_exchange_n(sleeping, 0, __ATOMIC_SEQ_CST);
      shim_futex_wake(sleeping);
    }
  }
  if (__atomic_exchange_n(&queue->wake, 0, __ATOMIC_SEQ_CST) != 0)
    shim_futex_wake(&queue->wake);
  give_event(queue);
}

uint32_t shm_queue_arming(const struct shim_queue *queue, uint32_t how) {
  return queue->solicited_only ? how | SHM_ARMED_SOLICITED : how;
}

int shim_queue_interrupt(struct shim_queue *queue) {
  struct shim_domain *domain = queue->domain;
  shm_lock(domain);
  shm_queue_wake(queue, SHM_NOTICE_INTERRUPT);
  shm_unlock(domain);
  return 0;
}

static bool endpoint_has_some(const struct shim_endpoint *endpoint) {
  return shm_consumer_peek(&endpoint->consumer) ||
         __atomic_load_n(&endpoint->state, __ATOMIC_SEQ_CST) >= SHIM_DISCONNECTED;
}

/* Whether a poll would find something, or make an end known. */
static bool has_some(const struct shim_queue *queue) {
  if (queue->local_head != queue->local_tail)
    return true;
  for (uint32_t i = 0; i < queue->active_count; i++)
    if (endpoint_has_some(queue->active[i]))
      return true;
  return false;
}

static void arm_rings(struct shim_queue *queue, uint32_t how) {
  for (uint32_t i = 0; i < queue->active_count; i++)
    shm_consumer_arm(&queue->active[i]->consumer, how);
}

/* Takes the notices of `mask` that are there. */
static bool take_notice(struct shim_queue *queue, uint32_t mask) {
  if ((__atomic_load_n(&queue->notices, __ATOMIC_SEQ_CST) & mask) == 0)
    return false;
  (void)__atomic_fetch_and(&queue->notices, ~mask, __ATOMIC_SEQ_CST);
  return true;
}

static inline bool quick_look(const struct shim_queue *queue) {
  if (__builtin_expect(queue->active_count != 1, 0))
    return true;
  const struct shim_endpoint *endpoint = queue->active[0];
  const struct shm_consumer *consumer = &endpoint->consumer;
  const struct shm_descriptor *descriptor = &consumer->inbox->ring[consumer->count & consumer->mask];
  return shm_head_is(__atomic_load_n(&descriptor->head, __ATOMIC_ACQUIRE), consumer->count) ||
         __atomic_load_n(&endpoint->state, __ATOMIC_RELAXED) >= SHIM_DISCONNECTED;
}

/* Up to `spins` looks: completions taken, 0 for none, -1 after an interrupt. */
static int spin_some(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity, uint32_t spins) {
  for (uint32_t i = 0; i < spins; i++) {
    if (quick_look(queue)) {
      int taken = (int)shm_poll(queue, completions, capacity);
      if (taken != 0)
        return taken;
    }
    if (__builtin_expect(__atomic_load_n(&queue->notices, __ATOMIC_RELAXED) & SHM_NOTICE_INTERRUPT, 0) &&
        take_notice(queue, SHM_NOTICE_INTERRUPT))
      return -1;
    shim_pause();
  }
  return 0;
}

int shim_queue_spin(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                    uint32_t microseconds) {
  int taken = (int)shm_poll(queue, completions, capacity);
  if (taken != 0 || microseconds == 0)
    return taken;
  taken = spin_some(queue, completions, capacity, FREE_SPINS);
  if (taken != 0)
    return taken < 0 ? 0 : taken;
  uint64_t deadline = shim_now() + (uint64_t)microseconds * 1000u;
  do {
    taken = spin_some(queue, completions, capacity, SPINS_PER_CLOCK);
    if (taken != 0)
      return taken < 0 ? 0 : taken;
  } while (shim_now() < deadline);
  return 0;
}

static bool is_noticed(const struct shim_queue *queue) {
  return __atomic_load_n(&queue->notices, __ATOMIC_SEQ_CST) != 0;
}

/* After a sleep: the rings are armed as before it, and what came meanwhile is an event if one is owed. */
static void disarm(struct shim_queue *queue) {
  bool owed = __atomic_load_n(&queue->event_armed, __ATOMIC_SEQ_CST) != 0;
  arm_rings(queue, owed ? shm_queue_arming(queue, SHM_ARMED_SOCKET) : 0);
  if (owed && has_some(queue))
    shm_queue_give_event(queue);
}

static void sleep_on_ring(struct shim_queue *queue, uint64_t nanoseconds) {
  struct shm_consumer *consumer = &queue->active[0]->consumer;
  uint32_t armed = shm_queue_arming(queue, SHM_ARMED_FUTEX);
  __atomic_store_n(&queue->sleeping, &consumer->inbox->armed, __ATOMIC_SEQ_CST);
  shm_consumer_arm(consumer, armed);
  if (!has_some(queue) && !is_noticed(queue))
    shim_futex_wait(&consumer->inbox->armed, armed, nanoseconds);
  __atomic_store_n(&queue->sleeping, NULL, __ATOMIC_SEQ_CST);
  disarm(queue);
}

static void sleep_on_bridge(struct shim_queue *queue, uint64_t nanoseconds) {
  __atomic_store_n(&queue->wake, 1, __ATOMIC_SEQ_CST);
  arm_rings(queue, shm_queue_arming(queue, SHM_ARMED_SOCKET));
  if (!has_some(queue) && !is_noticed(queue))
    shim_futex_wait(&queue->wake, 1, nanoseconds);
  __atomic_store_n(&queue->wake, 0, __ATOMIC_SEQ_CST);
  disarm(queue);
}

int shim_queue_block(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                     int32_t milliseconds) {
  uint64_t deadline = UINT64_MAX;
  if (milliseconds >= 0)
    deadline = shim_now() + (uint64_t)milliseconds * SHIM_NANOSECONDS_PER_MILLISECOND;
  for (;;) {
    int taken = (int)shm_poll(queue, completions, capacity);
    if (taken != 0 || take_notice(queue, SHM_NOTICE_INTERRUPT | SHM_NOTICE_STATE))
      return taken;
    uint64_t now = milliseconds >= 0 ? shim_now() : 0;
    if (now >= deadline)
      return 0;
    uint64_t nanoseconds = deadline == UINT64_MAX ? UINT64_MAX : deadline - now;
    if (queue->active_count == 1)
      sleep_on_ring(queue, nanoseconds);
    else
      sleep_on_bridge(queue, nanoseconds);
  }
}

int shim_queue_arm(struct shim_queue *queue) {
  __atomic_store_n(&queue->event_armed, 1, __ATOMIC_SEQ_CST);
  arm_rings(queue, shm_queue_arming(queue, SHM_ARMED_SOCKET));
  if (!has_some(queue) && !take_notice(queue, SHM_NOTICE_INTERRUPT | SHM_NOTICE_STATE))
    return 0;
  __atomic_store_n(&queue->event_armed, 0, __ATOMIC_SEQ_CST);
  return 1;
}
