/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for completions: spinning, sleeping, and owing the event loop an event.
 *
 * fi_trywait says whether a port's descriptor can be relied on; only when all can, a thread sleeps on them. Where there
 * are none, or something waits to be posted, the sleep is short.
 */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "internal.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define FREE_SPINS 16u         /* before the clock is read for the first time */
#define SPINS_PER_CLOCK 8u     /* between two readings */
#define POLLS_PER_ROUND 1024u  /* of one port, before the others are looked at too */
#define LOOKS_OF_A_POLLER 256u /* at a port, after which its owner is taken for one who goes on polling */
/* Nanoseconds between two looks where there is no descriptor: a part of the time that was waited already. */
#define SHORTEST_NAP UINT64_C(20000)
#define LONGEST_NAP UINT64_C(4000000)
#define NAPS_OF_A_WAIT 64u

void fabric_queue_give_event(struct shim_queue *queue) {
  if (!queue->owed)
    return;
  queue->owed = false;
  queue->domain->owed--;
  shim_event_push(&queue->domain->events, &queue->readable);
}

void fabric_queue_wake(struct shim_queue *queue, uint32_t notices) {
  struct shim_domain *domain = queue->domain;
  (void)__atomic_fetch_or(&queue->notices, notices, __ATOMIC_SEQ_CST);
  if (domain->sleeping) {
    uint64_t one = 1;
    /* Only a full counter could refuse, and that one wakes too. */
    ssize_t written = write(domain->wake_fd, &one, sizeof one);
    (void)written;
  }
  fabric_queue_give_event(queue);
}

int shim_queue_interrupt(struct shim_queue *queue) {
  fabric_lock(queue->domain);
  fabric_queue_wake(queue, FABRIC_NOTICE_INTERRUPT);
  fabric_unlock(queue->domain);
  return 0;
}

/* Takes the notices of `mask` that are there. */
static bool take_notice(struct shim_queue *queue, uint32_t mask) {
  if ((__atomic_load_n(&queue->notices, __ATOMIC_SEQ_CST) & mask) == 0)
    return false;
  (void)__atomic_fetch_and(&queue->notices, ~mask, __ATOMIC_SEQ_CST);
  return true;
}

void fabric_queue_progress(struct shim_queue *queue) {
  struct shim_domain *domain = queue->domain;
  domain->activity++;
  if (__builtin_expect(
          queue->only != NULL && (++queue->polls % POLLS_PER_ROUND) != 0 && shim_list_is_empty(&domain->stuck), 1)) {
    if (__builtin_expect(queue->only->watched, 0) && ++queue->only->looks > LOOKS_OF_A_POLLER) {
      fabric_port_unwatch(queue->only);
      /* A bridge that sleeps on it would sleep on when the polling ends. */
      if (domain->watching)
        fabric_bridge_kick(domain);
    }
    (void)fabric_port_read(queue->only);
    if (__builtin_expect(!shim_list_is_empty(&domain->doomed), 0))
      fabric_doom_fulfil(domain);
    return;
  }
  fabric_progress(domain);
}

int shim_queue_arm(struct shim_queue *queue) {
  struct shim_domain *domain = queue->domain;
  fabric_lock(domain);
  bool quiet = fabric_may_sleep(domain);
  bool some = queue->pending_count > 0 || take_notice(queue, FABRIC_NOTICE_INTERRUPT | FABRIC_NOTICE_STATE);
  if (!some) {
    if (!queue->owed)
      domain->owed++;
    queue->owed = true;
    domain->activity_armed = domain->activity;
    if (quiet)
      fabric_watch_ports(domain, true);
    else
      fabric_bridge_kick(domain);
  }
  fabric_unlock(domain);
  return some ? 1 : 0;
}

/* Up to `spins` looks: completions taken, 0 for none, -1 after an interrupt. */
static int spin_some(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity, uint32_t spins) {
  for (uint32_t i = 0; i < spins; i++) {
    int taken = shim_queue_poll(queue, completions, capacity);
    if (taken != 0)
      return taken;
    if (__builtin_expect(__atomic_load_n(&queue->notices, __ATOMIC_RELAXED) & FABRIC_NOTICE_INTERRUPT, 0) &&
        take_notice(queue, FABRIC_NOTICE_INTERRUPT))
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

/* With the lock held, which is given up meanwhile. */
static void sleep_on_ports(struct shim_domain *domain, uint64_t nanoseconds) {
  struct epoll_event event;
  uint64_t milliseconds = nanoseconds == UINT64_MAX ? UINT64_MAX : nanoseconds / SHIM_NANOSECONDS_PER_MILLISECOND + 1u;
  domain->sleeping = true;
  fabric_watch_ports(domain, false);
  fabric_unlock(domain);
  (void)epoll_wait(domain->ports_epoll, &event, 1, milliseconds > INT32_MAX ? -1 : (int)milliseconds);
  fabric_lock(domain);
  domain->sleeping = false;
  if (domain->bridge_idle) {
    domain->bridge_idle = false;
    fabric_bridge_kick(domain);
  }
}

/* Where there is nothing to sleep on. */
static void nap(struct shim_domain *domain, uint64_t nanoseconds) {
  struct timespec time = {.tv_nsec = (long)nanoseconds};
  domain->activity++;
  fabric_unlock(domain);
  (void)nanosleep(&time, NULL);
  fabric_lock(domain);
}

static uint64_t nap_after(uint64_t waited) {
  uint64_t next = waited / NAPS_OF_A_WAIT;
  return next < SHORTEST_NAP ? SHORTEST_NAP : next > LONGEST_NAP ? LONGEST_NAP : next;
}

static uint32_t block(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                      int32_t milliseconds) {
  struct shim_domain *domain = queue->domain;
  uint64_t begin = shim_now();
  uint64_t deadline =
      milliseconds >= 0 ? begin + (uint64_t)milliseconds * SHIM_NANOSECONDS_PER_MILLISECOND : UINT64_MAX;
  for (;;) {
    if (queue->pending_count == 0)
      fabric_queue_progress(queue);
    uint32_t taken = fabric_queue_take(queue, completions, capacity);
    if (taken != 0 || take_notice(queue, FABRIC_NOTICE_INTERRUPT | FABRIC_NOTICE_STATE))
      return taken;
    uint64_t now = shim_now();
    if (now >= deadline)
      return 0;
    uint64_t left = deadline == UINT64_MAX ? UINT64_MAX : deadline - now;
    bool quiet = fabric_may_sleep(domain);
    if (queue->pending_count > 0)
      continue;
    if (quiet) {
      sleep_on_ports(domain, left);
    } else {
      uint64_t next = nap_after(now - begin);
      nap(domain, next < left ? next : left);
    }
  }
}

int shim_queue_block(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                     int32_t milliseconds) {
  fabric_lock(queue->domain);
  uint32_t taken = block(queue, completions, capacity, milliseconds);
  fabric_unlock(queue->domain);
  return (int)taken;
}
