/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "events.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void shim_event_init(struct shim_event_node *node) {
  memset(node, 0, sizeof *node);
  shim_list_init(&node->link);
}

void shim_events_init(struct shim_event_queue *queue) {
  shim_list_init(&queue->waiting);
  queue->fd = queue->writer = -1;
}

int shim_events_open(struct shim_event_queue *queue) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return -1;
  queue->fd = ends[0];
  queue->writer = ends[1];
  return 0;
}

void shim_events_close(struct shim_event_queue *queue) {
  if (queue->fd >= 0) {
    (void)close(queue->fd);
    (void)close(queue->writer);
  }
}

static void set_readable(const struct shim_event_queue *queue) {
  uint8_t one = 1;
  /* Only a full pipe could refuse, and that one is readable. */
  ssize_t written = write(queue->writer, &one, sizeof one);
  (void)written;
}

static void clear_readable(const struct shim_event_queue *queue) {
  uint8_t one;
  /* EAGAIN: somebody took it. */
  ssize_t bytes = read(queue->fd, &one, sizeof one);
  (void)bytes;
}

void shim_event_push(struct shim_event_queue *queue, struct shim_event_node *node) {
  if (!shim_list_is_empty(&node->link))
    return;
  bool first = shim_list_is_empty(&queue->waiting);
  shim_list_append(&queue->waiting, &node->link);
  if (first)
    set_readable(queue);
}

void shim_event_drop(struct shim_event_queue *queue, struct shim_event_node *node) {
  if (shim_list_is_empty(&node->link))
    return;
  shim_list_remove(&node->link);
  if (shim_list_is_empty(&queue->waiting))
    clear_readable(queue);
}

int shim_event_take(struct shim_event_queue *queue, struct shim_event *event) {
  if (shim_list_is_empty(&queue->waiting)) {
    clear_readable(queue);
    return 0;
  }
  struct shim_event_node *node = SHIM_CONTAINER(queue->waiting.next, struct shim_event_node, link);
  *event = node->event;
  if (node->text[0] != '\0')
    (void)shim_fail(0, "%s", node->text);
  shim_event_drop(queue, node);
  return 1;
}
