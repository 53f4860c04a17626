/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events: a list under the lock, and a pipe that is readable while the list has some and nobody took its byte. An event
 * loop may take the byte; it then asks for events until there are none.
 */
#include "internal.h"

#include <string.h>
#include <unistd.h>

void fabric_event_init(struct fabric_event_node *node) {
  memset(node, 0, sizeof *node);
  shim_list_init(&node->link);
}

static void set_readable(struct shim_domain *domain) {
  uint8_t one = 1;
  /* Only a full pipe could refuse, and that one is readable. */
  ssize_t written = write(domain->event_writer, &one, sizeof one);
  (void)written;
}

static void clear_readable(struct shim_domain *domain) {
  uint8_t one;
  /* EAGAIN: somebody took it. */
  ssize_t bytes = read(domain->event_fd, &one, sizeof one);
  (void)bytes;
}

void fabric_event_push(struct shim_domain *domain, struct fabric_event_node *node) {
  if (!shim_list_is_empty(&node->link))
    return;
  bool first = shim_list_is_empty(&domain->events);
  shim_list_append(&domain->events, &node->link);
  if (first)
    set_readable(domain);
}

void fabric_event_drop(struct shim_domain *domain, struct fabric_event_node *node) {
  if (shim_list_is_empty(&node->link))
    return;
  shim_list_remove(&node->link);
  if (shim_list_is_empty(&domain->events))
    clear_readable(domain);
}

int shim_domain_event_fd(struct shim_domain *domain) {
  return domain->event_fd;
}

int shim_domain_next_event(struct shim_domain *domain, struct shim_event *event) {
  fabric_lock(domain);
  if (shim_list_is_empty(&domain->events)) {
    clear_readable(domain);
    fabric_unlock(domain);
    return 0;
  }
  struct fabric_event_node *node = SHIM_CONTAINER(domain->events.next, struct fabric_event_node, link);
  *event = node->event;
  if (node->text[0] != '\0')
    (void)shim_fail(0, "%s", node->text);
  fabric_event_drop(domain, node);
  fabric_unlock(domain);
  return 1;
}
