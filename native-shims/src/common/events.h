/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A domain's events: a list under the domain's lock, and a pipe that is readable while the list has some and nobody
 * took its byte. An event loop may take the byte; it then asks for events until there are none.
 */
#ifndef SHIM_EVENTS_H
#define SHIM_EVENTS_H

#include "../../include/rdmalib_shim.h"
#include "error-text.h"
#include "list.h"

/* Events wait in the object that they are about, so that queueing one cannot fail. */
struct shim_event_node {
  struct shim_list link;
  struct shim_event event;
  char text[SHIM_ERROR_TEXT_BYTES]; /* error text of the thread that takes the event */
};

struct shim_event_queue {
  struct shim_list waiting; /* of shim_event_node */
  int fd;                   /* readable while some wait */
  int writer;
};

void shim_event_init(struct shim_event_node *node);
/* So that it can be closed. */
void shim_events_init(struct shim_event_queue *queue);
/* Makes the pipe: 0, or -1 with errno. */
int shim_events_open(struct shim_event_queue *queue);
void shim_events_close(struct shim_event_queue *queue);

/* With the domain's lock held: */
void shim_event_push(struct shim_event_queue *queue, struct shim_event_node *node);
void shim_event_drop(struct shim_event_queue *queue, struct shim_event_node *node);
/* 1 and the first event, with its error text, or 0. */
int shim_event_take(struct shim_event_queue *queue, struct shim_event *event);

#endif
