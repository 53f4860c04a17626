/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion queues: a local ring for own requests, and the inboxes of the endpoints that receive here. */
#include "internal.h"
#include "local-completion.h"
#include "take.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH (1u << 20)

int shim_queue_open(struct shim_domain *domain, uint32_t depth, uint32_t solicited_only, struct shim_queue **opened) {
  if (depth == 0 || depth > MAX_DEPTH)
    return shim_fail(EINVAL, "a completion queue of depth %u; wants 1 to %u", depth, MAX_DEPTH);
  struct shim_queue *queue = calloc(1, sizeof *queue);
  uint32_t entries = 1;
  while (entries < depth)
    entries *= 2u;
  struct shm_local_completion *local = calloc(entries, sizeof *local);
  if (queue == NULL || local == NULL) {
    free(queue);
    free(local);
    return shim_fail(ENOMEM, "no memory for a completion queue of depth %u", depth);
  }
  queue->domain = domain;
  queue->id = shm_next_id();
  queue->depth = depth;
  queue->local = local;
  queue->local_mask = entries - 1u;
  queue->solicited_only = solicited_only != 0;
  shim_event_init(&queue->readable);
  queue->readable.event.type = SHIM_EVENT_READABLE;
  queue->readable.event.owner_id = queue->id;
  queue->readable.event.object = (uint64_t)(uintptr_t)queue;
  shm_lock(domain);
  shim_list_append(&domain->queues, &queue->link);
  shm_unlock(domain);
  *opened = queue;
  return (int)queue->id;
}

int shim_queue_close(struct shim_queue *queue) {
  struct shim_domain *domain = queue->domain;
  if (queue->users > 0)
    return shim_fail(EBUSY, "closing completion queue %u: %u uses by endpoints remain; close them first", queue->id,
                     queue->users);
  shm_lock(domain);
  shim_event_drop(&domain->events, &queue->readable);
  shim_list_remove(&queue->link);
  shm_unlock(domain);
  free(queue->active);
  free(queue->local);
  free(queue);
  return 0;
}

static int grow(struct shim_queue *queue) {
  uint32_t capacity = queue->active_capacity == 0 ? 4u : queue->active_capacity * 2u;
  struct shim_endpoint **grown = realloc(queue->active, capacity * sizeof(struct shim_endpoint *));
  if (grown == NULL)
    return shim_fail(ENOMEM, "no memory for endpoint number %u of completion queue %u", capacity, queue->id);
  queue->active = grown;
  queue->active_capacity = capacity;
  return 0;
}

int shm_queue_attach(struct shim_queue *queue, struct shim_endpoint *endpoint) {
  int error = 0;
  shm_lock(queue->domain);
  if (queue->active_count == queue->active_capacity)
    error = grow(queue);
  if (error == 0) {
    queue->active[queue->active_count++] = endpoint;
    endpoint->active = true;
    queue->users++;
    /* An event that is owed already shall come for this endpoint, too. */
    if (__atomic_load_n(&queue->event_armed, __ATOMIC_SEQ_CST) != 0)
      shm_consumer_arm(&endpoint->consumer, shm_queue_arming(queue, SHM_ARMED_SOCKET));
  }
  shm_unlock(queue->domain);
  return error;
}

static void remove_active(struct shim_queue *queue, struct shim_endpoint *endpoint) {
  if (!endpoint->active)
    return;
  endpoint->active = false;
  for (uint32_t i = 0; i < queue->active_count; i++)
    if (queue->active[i] == endpoint) {
      queue->active[i] = queue->active[--queue->active_count];
      break;
    }
  queue->next = 0;
}

void shm_queue_deactivate(struct shim_queue *queue, struct shim_endpoint *endpoint) {
  shm_lock(queue->domain);
  remove_active(queue, endpoint);
  shm_unlock(queue->domain);
}

void shm_queue_detach(struct shim_queue *queue, struct shim_endpoint *endpoint) {
  shm_lock(queue->domain);
  remove_active(queue, endpoint);
  queue->users--;
  shm_unlock(queue->domain);
}

void shm_local_forget(struct shim_queue *queue, const struct shim_endpoint *endpoint) {
  for (uint32_t i = queue->local_head; i != queue->local_tail; i++)
    if (queue->local[i & queue->local_mask].endpoint == endpoint)
      queue->local[i & queue->local_mask].endpoint = NULL;
}

uint32_t shm_local_take(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  uint32_t taken = 0;
  while (taken < capacity && queue->local_head != queue->local_tail) {
    const struct shm_local_completion *local = &queue->local[queue->local_head++ & queue->local_mask];
    if (local->endpoint != NULL)
      local->endpoint->send_outstanding--;
    completions[taken++] = local->completion;
  }
  return taken;
}

uint32_t shm_take_in_turn(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  uint32_t taken = 0;
  uint32_t count = queue->active_count;
  uint32_t index = queue->next < count ? queue->next : 0;
  for (uint32_t i = 0; i < count && taken < capacity; i++) {
    /* An endpoint whose end was drained leaves the list, and the last one takes its place. */
    if (index >= queue->active_count)
      index = 0;
    struct shim_endpoint *endpoint = queue->active[index];
    taken += shm_endpoint_take(endpoint, completions + taken, capacity - taken);
    if (endpoint->active)
      index++;
    if (queue->active_count == 0)
      break;
  }
  queue->next = index;
  return taken;
}

int shim_queue_poll(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  return (int)shm_poll(queue, completions, capacity);
}
