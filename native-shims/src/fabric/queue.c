/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion queues: rings that whoever reads libfabric's own queues fills. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#define FIRST_PENDING 64u
#define MOST_YIELDS 1000
#define MOST_DEPTH (1u << 22)

int shim_queue_open(struct shim_domain *domain, uint32_t depth, uint32_t solicited_only, struct shim_queue **opened) {
  if (depth == 0 || depth > MOST_DEPTH)
    return shim_fail(EINVAL, "a completion queue of depth %u; 1 to %u are possible", depth, MOST_DEPTH);
  struct shim_queue *queue = calloc(1, sizeof *queue);
  if (queue != NULL)
    queue->pending = calloc(FIRST_PENDING, sizeof *queue->pending);
  if (queue == NULL || queue->pending == NULL) {
    free(queue);
    return shim_fail(ENOMEM, "no memory for a completion queue of depth %u", depth);
  }
  queue->pending_capacity = FIRST_PENDING;
  queue->domain = domain;
  queue->id = fabric_next_id();
  queue->depth = depth;
  queue->solicited_only = solicited_only != 0;
  shim_event_init(&queue->readable);
  queue->readable.event.type = SHIM_EVENT_READABLE;
  queue->readable.event.owner_id = queue->id;
  queue->readable.event.object = (uint64_t)(uintptr_t)queue;
  fabric_lock(domain);
  if (domain->is_rdm)
    queue->only = &domain->port;
  shim_list_append(&domain->queues, &queue->link);
  fabric_unlock(domain);
  *opened = queue;
  return (int)queue->id;
}

int shim_queue_close(struct shim_queue *queue) {
  struct shim_domain *domain = queue->domain;
  if (queue->users > 0)
    return shim_fail(EBUSY, "closing completion queue %u: %u uses by endpoints remain; close them first", queue->id,
                     queue->users);
  fabric_lock(domain);
  if (queue->owed)
    domain->owed--;
  shim_event_drop(&domain->events, &queue->readable);
  shim_list_remove(&queue->link);
  fabric_unlock(domain);
  free(queue->pending);
  free(queue);
  return 0;
}

/* The one port of a queue, if all its endpoints have the same. */
static struct fabric_port *only_port(const struct shim_queue *queue) {
  const struct shim_domain *domain = queue->domain;
  struct fabric_port *only = NULL;
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next) {
    struct shim_endpoint *endpoint = SHIM_CONTAINER(node, struct shim_endpoint, link);
    if (endpoint->send_queue != queue && endpoint->receive_queue != queue)
      continue;
    if (only != NULL && only != endpoint->port)
      return NULL;
    only = endpoint->port;
  }
  return only != NULL && only->domain != NULL ? only : NULL;
}

void fabric_queue_ports_changed(struct shim_queue *queue) {
  if (!queue->domain->is_rdm)
    queue->only = queue->users > 2u ? NULL : only_port(queue);
}

void fabric_queue_attach(struct shim_queue *queue) {
  queue->users++;
  fabric_queue_ports_changed(queue);
}

void fabric_queue_detach(struct shim_queue *queue, const struct shim_endpoint *endpoint) {
  for (uint32_t i = 0; i < queue->pending_count; i++) {
    struct fabric_pending *pending = &queue->pending[(queue->pending_head + i) % queue->pending_capacity];
    if (pending->endpoint == endpoint)
      pending->endpoint = NULL;
  }
  queue->users--;
  fabric_queue_ports_changed(queue);
}

/* The ring unrolled into one of twice the size. */
static bool grow(struct shim_queue *queue) {
  uint32_t capacity = queue->pending_capacity * 2u;
  struct fabric_pending *grown = calloc(capacity, sizeof *grown);
  if (grown == NULL)
    return false;
  for (uint32_t i = 0; i < queue->pending_count; i++)
    grown[i] = queue->pending[(queue->pending_head + i) % queue->pending_capacity];
  free(queue->pending);
  queue->pending = grown;
  queue->pending_head = 0;
  queue->pending_capacity = capacity;
  return true;
}

int fabric_queue_add(struct shim_queue *queue, struct shim_endpoint *endpoint,
                     const struct shim_completion *completion) {
  if (queue->pending_count == queue->pending_capacity && !grow(queue)) {
    fabric_endpoint_doom(endpoint, SHIM_PROTOCOL_VIOLATION, "no memory for more completions of queue %u", queue->id);
    return -ENOMEM;
  }
  uint32_t tail = (queue->pending_head + queue->pending_count) & (queue->pending_capacity - 1u);
  queue->pending[tail] = (struct fabric_pending){*completion, endpoint};
  queue->pending_count++;
  if (__builtin_expect(queue->owed, 0))
    fabric_queue_give_event(queue);
  return 0;
}

uint32_t fabric_queue_take(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  uint32_t taken = 0;
  while (taken < capacity && queue->pending_count > 0) {
    const struct fabric_pending *pending = &queue->pending[queue->pending_head];
    completions[taken++] = pending->completion;
    if (pending->endpoint != NULL && pending->completion.opcode <= SHIM_COMPARE_SWAP)
      pending->endpoint->unreaped--;
    queue->pending_head = (queue->pending_head + 1u) & (queue->pending_capacity - 1u);
    queue->pending_count--;
  }
  return taken;
}

/* The lock is not fair, and whoever polls takes it again at once: the bridge gets it first. */
static __attribute__((cold, noinline)) void make_way(const struct shim_domain *domain) {
  for (int i = 0; i < MOST_YIELDS && __atomic_load_n(&domain->wanted, __ATOMIC_RELAXED) != 0; i++)
    (void)sched_yield();
}

int shim_queue_poll(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  struct shim_domain *domain = queue->domain;
  fabric_lock(domain);
  if (queue->pending_count == 0)
    fabric_queue_progress(queue);
  uint32_t taken = fabric_queue_take(queue, completions, capacity);
  fabric_unlock(domain);
  if (__builtin_expect(__atomic_load_n(&domain->wanted, __ATOMIC_RELAXED) != 0, 0))
    make_way(domain);
  return (int)taken;
}
