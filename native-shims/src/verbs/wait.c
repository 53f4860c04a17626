/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for completions: spinning, sleeping, and owing the event loop an event.
 *
 * The device is asked for an event, the queue is polled once more, and only then a thread sleeps or an event is owed:
 * what completes in between is found by that poll, what completes later makes the event.
 */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "internal.h"
#include "poll-queue.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FREE_SPINS 16u     /* before the clock is read for the first time */
#define SPINS_PER_CLOCK 8u /* between two readings */
#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)

void verbs_queue_give_event(struct shim_queue *queue) {
  if (!queue->owed)
    return;
  queue->owed = false;
  shim_event_push(&queue->domain->events, &queue->readable);
}

void verbs_queue_wake(struct shim_queue *queue, uint32_t notices) {
  (void)__atomic_fetch_or(&queue->notices, notices, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&queue->sleeping, __ATOMIC_SEQ_CST) != 0) {
    struct itimerspec at_once = {.it_value.tv_nsec = 1};
    (void)timerfd_settime(queue->timer_fd, TFD_TIMER_ABSTIME, &at_once, NULL);
  }
  verbs_queue_give_event(queue);
}

int shim_queue_interrupt(struct shim_queue *queue) {
  struct shim_domain *domain = queue->domain;
  verbs_lock(domain);
  verbs_queue_wake(queue, VERBS_NOTICE_INTERRUPT);
  verbs_unlock(domain);
  return 0;
}

static bool is_noticed(const struct shim_queue *queue) {
  return __atomic_load_n(&queue->notices, __ATOMIC_SEQ_CST) != 0;
}

/* Takes the notices of `mask` that are there. */
static bool take_notice(struct shim_queue *queue, uint32_t mask) {
  if ((__atomic_load_n(&queue->notices, __ATOMIC_SEQ_CST) & mask) == 0)
    return false;
  (void)__atomic_fetch_and(&queue->notices, ~mask, __ATOMIC_SEQ_CST);
  return true;
}

static bool take_event(struct shim_queue *queue) {
  struct ibv_cq *cq;
  void *context;
  if (ibv_get_cq_event(queue->channel, &cq, &context) != 0)
    return false;
  ibv_ack_cq_events(cq, 1);
  queue->notified = false;
  return true;
}

/* With the lock held. An event that nobody took yet is taken, so that at most one waits in the channel. */
static void ask_device(struct shim_queue *queue) {
  if (queue->notified)
    (void)take_event(queue);
  if (!queue->notified)
    queue->notified = ibv_req_notify_cq(queue->cq, queue->solicited_only) == 0;
}

/* With the lock held: lets the bridge wait for the channel, once, or no longer. A channel that was registered without
 * any event would wake it all the same, each time and before the thread that sleeps; one whose event was told does not.
 */
static int watch(struct shim_queue *queue, bool on) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = queue->id};
  int operation = !on ? EPOLL_CTL_DEL : queue->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(queue->domain->epoll, operation, queue->channel->fd, &event) != 0)
    return shim_fail(errno, "cannot watch a completion channel (epoll_ctl: %s)", shim_errno_name(errno));
  queue->registered = on;
  queue->watched = on;
  return 0;
}

void verbs_channel_readable(struct shim_domain *domain, uint32_t queue_id) {
  for (struct shim_list *node = domain->queues.next; node != &domain->queues; node = node->next) {
    struct shim_queue *queue = SHIM_CONTAINER(node, struct shim_queue, link);
    if (queue->id != queue_id || !queue->watched)
      continue;
    queue->watched = false;
    if (take_event(queue))
      verbs_queue_give_event(queue);
    else
      (void)watch(queue, true);
    return;
  }
}

int shim_queue_arm(struct shim_queue *queue) {
  struct shim_domain *domain = queue->domain;
  verbs_lock(domain);
  ask_device(queue);
  verbs_unlock(domain);
  verbs_queue_reap(queue);
  verbs_lock(domain);
  bool some = queue->pending_count > 0 || take_notice(queue, VERBS_NOTICE_INTERRUPT | VERBS_NOTICE_STATE);
  int error = some || queue->watched ? 0 : watch(queue, true);
  queue->owed = queue->owed || (!some && error == 0);
  verbs_unlock(domain);
  return error != 0 ? error : some ? 1 : 0;
}

/* Up to `spins` looks: completions taken, 0 for none, -1 after an interrupt. */
static int spin_some(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity, uint32_t spins) {
  for (uint32_t i = 0; i < spins; i++) {
    int taken = verbs_poll(queue, completions, capacity);
    if (taken != 0)
      return taken;
    if (__builtin_expect(__atomic_load_n(&queue->notices, __ATOMIC_RELAXED) & VERBS_NOTICE_INTERRUPT, 0) &&
        take_notice(queue, VERBS_NOTICE_INTERRUPT))
      return -1;
    shim_pause();
  }
  return 0;
}

int shim_queue_spin(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                    uint32_t microseconds) {
  int taken = spin_some(queue, completions, capacity, microseconds == 0 ? 1u : FREE_SPINS);
  if (taken != 0 || microseconds == 0)
    return taken < 0 ? 0 : taken;
  uint64_t deadline = shim_now() + (uint64_t)microseconds * 1000u;
  do {
    taken = spin_some(queue, completions, capacity, SPINS_PER_CLOCK);
    if (taken != 0)
      return taken < 0 ? 0 : taken;
  } while (shim_now() < deadline);
  return 0;
}

/* Before the last look at the notices, so that whoever lets the timer fire does so after this. A timer that is armed
 * already, for about then or earlier, is left alone: a sleep that ends before its time-out need not disarm it, which
 * would delay what ended the sleep. */
static void arm_timer(struct shim_queue *queue, uint64_t deadline) {
  if (deadline == VERBS_NO_DEADLINE || deadline + SHIM_NANOSECONDS_PER_MILLISECOND >= queue->timer_at)
    return;
  struct itimerspec at = {.it_value = {.tv_sec = (time_t)(deadline / NANOSECONDS_PER_SECOND),
                                       .tv_nsec = (long)(deadline % NANOSECONDS_PER_SECOND)}};
  if (timerfd_settime(queue->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
    queue->timer_at = deadline;
}

static void sleep_until_event(struct shim_queue *queue) {
  struct epoll_event events[2];
  int count = epoll_wait(queue->sleep_fd, events, 2, -1);
  for (int i = 0; i < count; i++) {
    uint64_t fired;
    if (events[i].data.fd == queue->timer_fd && read(queue->timer_fd, &fired, sizeof fired) > 0)
      queue->timer_at = VERBS_NO_DEADLINE;
  }
}

/* One sleep: completions taken by the poll before it. */
static int sleep_once(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                      uint64_t deadline) {
  struct shim_domain *domain = queue->domain;
  __atomic_store_n(&queue->sleeping, 1, __ATOMIC_SEQ_CST);
  arm_timer(queue, deadline);
  verbs_lock(domain);
  if (queue->watched)
    (void)watch(queue, false);
  ask_device(queue);
  verbs_unlock(domain);
  int taken = verbs_poll(queue, completions, capacity);
  if (taken == 0 && !is_noticed(queue))
    sleep_until_event(queue);
  __atomic_store_n(&queue->sleeping, 0, __ATOMIC_SEQ_CST);
  return taken;
}

static int block(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                 int32_t milliseconds) {
  uint64_t deadline = VERBS_NO_DEADLINE;
  if (milliseconds >= 0)
    deadline = shim_now() + (uint64_t)milliseconds * SHIM_NANOSECONDS_PER_MILLISECOND;
  int taken = 0;
  for (;;) {
    if (taken == 0)
      taken = verbs_poll(queue, completions, capacity);
    if (taken != 0 || take_notice(queue, VERBS_NOTICE_INTERRUPT | VERBS_NOTICE_STATE))
      return taken;
    if (milliseconds >= 0 && shim_now() >= deadline)
      return 0;
    taken = sleep_once(queue, completions, capacity, deadline);
  }
}

int shim_queue_block(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                     int32_t milliseconds) {
  int taken = block(queue, completions, capacity, milliseconds);
  if (__builtin_expect(__atomic_load_n(&queue->owed, __ATOMIC_RELAXED), 0)) {
    /* The sleep may have taken the event that an event loop waits for. */
    verbs_lock(queue->domain);
    verbs_queue_give_event(queue);
    verbs_unlock(queue->domain);
  }
  return taken;
}
