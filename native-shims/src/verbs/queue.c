/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion queues of the device, and before them what was taken already or never went to the device. */
#define _GNU_SOURCE
#include "internal.h"
#include "poll-queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FIRST_PENDING 64u

static void release(struct shim_queue *queue) {
  if (queue->cq != NULL)
    (void)ibv_destroy_cq(queue->cq);
  if (queue->channel != NULL)
    (void)ibv_destroy_comp_channel(queue->channel);
  if (queue->timer_fd >= 0)
    (void)close(queue->timer_fd);
  if (queue->sleep_fd >= 0)
    (void)close(queue->sleep_fd);
  free(queue->pending);
  free(queue);
}

static int open_channel(struct shim_queue *queue) {
  queue->timer_at = VERBS_NO_DEADLINE;
  queue->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  queue->sleep_fd = epoll_create1(EPOLL_CLOEXEC);
  queue->channel = ibv_create_comp_channel(queue->domain->context);
  if (queue->timer_fd < 0 || queue->sleep_fd < 0 || queue->channel == NULL)
    return shim_fail(errno, "cannot open a completion channel (%s)%s", shim_errno_name(errno),
                     errno == EMFILE ? "; descriptors are exhausted, raise \"ulimit -n\"" : "");
  int flags = fcntl(queue->channel->fd, F_GETFL);
  struct epoll_event wakes = {.events = EPOLLIN, .data.fd = queue->channel->fd};
  struct epoll_event ends = {.events = EPOLLIN, .data.fd = queue->timer_fd};
  if (flags < 0 || fcntl(queue->channel->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      epoll_ctl(queue->sleep_fd, EPOLL_CTL_ADD, queue->channel->fd, &wakes) != 0 ||
      epoll_ctl(queue->sleep_fd, EPOLL_CTL_ADD, queue->timer_fd, &ends) != 0)
    return shim_fail(errno, "cannot watch a completion channel (fcntl, epoll_ctl: %s)", shim_errno_name(errno));
  return 0;
}

static int open_queue(struct shim_queue *queue) {
  int error = open_channel(queue);
  if (error != 0)
    return error;
  queue->pending = calloc(FIRST_PENDING, sizeof *queue->pending);
  queue->pending_capacity = FIRST_PENDING;
  if (queue->pending == NULL)
    return shim_fail(ENOMEM, "no memory for a completion queue");
  queue->cq = ibv_create_cq(queue->domain->context, (int)queue->depth, NULL, queue->channel, 0);
  if (queue->cq == NULL)
    return shim_fail(errno, "the device gives no completion queue of depth %u (ibv_create_cq: %s)%s", queue->depth,
                     shim_errno_name(errno), errno == ENOMEM ? "; raise the memlock limit: \"ulimit -l\"" : "");
  return 0;
}

int shim_queue_open(struct shim_domain *domain, uint32_t depth, uint32_t solicited_only, struct shim_queue **opened) {
  if (depth == 0 || depth > (uint32_t)domain->device.max_cqe)
    return shim_fail(EINVAL, "a completion queue of depth %u; the device wants 1 to %d", depth, domain->device.max_cqe);
  struct shim_queue *queue = calloc(1, sizeof *queue);
  if (queue == NULL)
    return shim_fail(ENOMEM, "no memory for a completion queue of depth %u", depth);
  queue->domain = domain;
  queue->id = verbs_next_id();
  queue->depth = depth;
  queue->solicited_only = solicited_only != 0;
  shim_event_init(&queue->readable);
  queue->readable.event.type = SHIM_EVENT_READABLE;
  queue->readable.event.owner_id = queue->id;
  queue->readable.event.object = (uint64_t)(uintptr_t)queue;
  int error = open_queue(queue);
  if (error != 0) {
    release(queue);
    return error;
  }
  verbs_lock(domain);
  shim_list_append(&domain->queues, &queue->link);
  verbs_unlock(domain);
  *opened = queue;
  return (int)queue->id;
}

int shim_queue_close(struct shim_queue *queue) {
  struct shim_domain *domain = queue->domain;
  if (queue->users > 0)
    return shim_fail(EBUSY, "closing completion queue %u: %u uses by endpoints remain; close them first", queue->id,
                     queue->users);
  verbs_lock(domain);
  shim_event_drop(&domain->events, &queue->readable);
  shim_list_remove(&queue->link);
  if (queue->registered)
    (void)epoll_ctl(domain->epoll, EPOLL_CTL_DEL, queue->channel->fd, NULL);
  verbs_unlock(domain);
  release(queue);
  return 0;
}

/* A device loses completions for which its queue has no room: there must be room for all that can be outstanding. */
static int make_room(struct shim_queue *queue, uint32_t completions) {
  uint32_t highest = (uint32_t)queue->domain->device.max_cqe;
  if (completions <= (uint32_t)queue->cq->cqe)
    return 0;
  uint32_t wanted = completions + completions / 2u;
  if (wanted > highest)
    wanted = highest;
  int error = completions > highest ? EINVAL : ibv_resize_cq(queue->cq, (int)wanted);
  if (error != 0)
    return shim_fail(
        error,
        "completion queue %u holds %d completions and its endpoints need %u (the device's most is %u: %s); "
        "open it with a larger depth, or give the endpoints several queues",
        queue->id, queue->cq->cqe, completions, highest, shim_errno_name(error));
  return 0;
}

int verbs_queue_attach(struct shim_queue *queue, uint32_t completions) {
  int error = make_room(queue, queue->promised + completions);
  if (error != 0)
    return error;
  queue->promised += completions;
  queue->users++;
  return 0;
}

void verbs_queue_detach(struct shim_queue *queue, const struct shim_endpoint *endpoint, uint32_t completions) {
  queue->promised -= completions;
  queue->users--;
  if (queue->last == endpoint)
    queue->last = NULL;
}

/* The ring of pending completions, unrolled into one of twice the size. */
static bool grow_pending(struct shim_queue *queue) {
  uint32_t capacity = queue->pending_capacity * 2u;
  struct shim_completion *grown = calloc(capacity, sizeof *grown);
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

int verbs_queue_add(struct shim_queue *queue, const struct shim_completion *completion) {
  if (queue->pending_count == queue->pending_capacity && !grow_pending(queue))
    return shim_fail(ENOMEM, "no memory for more completions of queue %u", queue->id);
  uint32_t tail = (queue->pending_head + queue->pending_count++) % queue->pending_capacity;
  queue->pending[tail] = *completion;
  return 0;
}

void verbs_queue_reap(struct shim_queue *queue) {
  struct ibv_wc wc;
  /* Room first: what is taken from the device must not be lost. */
  while ((queue->pending_count < queue->pending_capacity || grow_pending(queue)) &&
         ibv_poll_cq(queue->cq, 1, &wc) == 1) {
    struct shim_completion completion;
    if (verbs_translate(queue, &wc, &completion))
      (void)verbs_queue_add(queue, &completion);
  }
}

int shim_queue_poll(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  return verbs_poll(queue, completions, capacity);
}
