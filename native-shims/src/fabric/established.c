/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of a connection; with the lock held. */
#include "../common/clock.h"
#include "internal.h"
#include "prepared.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LAST_WORD_MS 1000u /* from the end of libfabric's connection to the peer's word about it */

static void fill(struct shim_event *event, const struct shim_endpoint *endpoint, uint32_t type, int error) {
  event->type = type;
  event->owner_id = endpoint->id;
  event->error = -error;
  event->object = (uint64_t)(uintptr_t)endpoint;
  event->peer_port = endpoint->peer_port;
  (void)snprintf(event->peer, sizeof event->peer, "%s", endpoint->peer);
}

void fabric_wake_queues(struct shim_endpoint *endpoint) {
  fabric_queue_wake(endpoint->receive_queue, FABRIC_NOTICE_STATE);
  if (endpoint->send_queue != endpoint->receive_queue)
    fabric_queue_wake(endpoint->send_queue, FABRIC_NOTICE_STATE);
  (void)pthread_cond_broadcast(&endpoint->domain->changed);
}

void fabric_settle(struct shim_endpoint *endpoint, int32_t state, uint32_t event_type, int error) {
  endpoint->deadline = FABRIC_NO_DEADLINE;
  fill(&endpoint->outcome.event, endpoint, event_type, error);
  __atomic_store_n(&endpoint->state, state, __ATOMIC_SEQ_CST);
  shim_event_push(&endpoint->domain->events, &endpoint->outcome);
  fabric_wake_queues(endpoint);
}

void fabric_tell_resolved(struct shim_endpoint *endpoint) {
  fill(&endpoint->answer.event, endpoint, SHIM_EVENT_RESOLVED, 0);
  shim_event_push(&endpoint->domain->events, &endpoint->answer);
}

void fabric_connect_failed(struct shim_endpoint *endpoint, int error, const char *format, ...) {
  char reason[SHIM_ERROR_TEXT_BYTES - 160];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  (void)snprintf(endpoint->outcome.text, sizeof endpoint->outcome.text, "connecting to %s port %u: %s", endpoint->peer,
                 endpoint->peer_port, reason);
  fabric_link_leave(endpoint, false);
  fabric_settle(endpoint, SHIM_FAILED, SHIM_EVENT_FAILED, error);
  fabric_flush(endpoint);
}

void fabric_connect_step(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  if (endpoint->state == SHIM_ESTABLISHED && !domain->is_rdm && endpoint->connected && !endpoint->ready) {
    endpoint->ready = true;
    fabric_kept_post(endpoint);
    return;
  }
  if (endpoint->state != SHIM_CONNECTING || !endpoint->answered)
    return;
  if (domain->is_rdm ? !endpoint->fenced : !endpoint->connected)
    return;
  endpoint->ready = true;
  fabric_settle(endpoint, SHIM_ESTABLISHED, SHIM_EVENT_ESTABLISHED, 0);
}

static void flushed(struct shim_queue *queue, struct shim_endpoint *endpoint, uint32_t opcode, uint32_t wr_id) {
  struct shim_completion completion = {
      .endpoint_id = endpoint->id, .opcode = opcode, .status = SHIM_FLUSHED, .wr_id = wr_id};
  (void)fabric_queue_add(queue, endpoint, &completion);
}

static void flush_requests(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  fabric_kept_drop(endpoint);
  while (!shim_list_is_empty(&endpoint->outstanding)) {
    struct fabric_op *op = SHIM_CONTAINER(endpoint->outstanding.next, struct fabric_op, link);
    shim_list_remove(&op->link);
    if (op->kind == FABRIC_WORK) {
      if (!op->signaled)
        endpoint->unreaped++;
      flushed(endpoint->send_queue, endpoint, op->opcode, op->wr_id);
    }
    /* FI_EP_MSG: libfabric's endpoint is closed and uses it no more. FI_EP_RDM: its completion frees it. */
    op->endpoint = NULL;
    if (!domain->is_rdm)
      fabric_op_give(domain, op);
  }
  endpoint->in_flight = 0;
}

static void flush_receives(struct shim_endpoint *endpoint) {
  while (!shim_list_is_empty(&endpoint->receives)) {
    struct fabric_receive *receive = SHIM_CONTAINER(endpoint->receives.next, struct fabric_receive, link);
    flushed(endpoint->receive_queue, endpoint, SHIM_RECEIVE, receive->is_empty ? 0 : receive->wr_id);
    if (receive->op != NULL)
      fabric_op_give(endpoint->domain, receive->op);
    fabric_receive_free(endpoint, receive);
  }
  for (; endpoint->empty_receives > 0; endpoint->empty_receives--)
    flushed(endpoint->receive_queue, endpoint, SHIM_RECEIVE, 0);
}

void fabric_flush(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  endpoint->ready = false;
  if (!domain->is_rdm) {
    fabric_port_close(&endpoint->own_port);
    fabric_queue_ports_changed(endpoint->send_queue);
    fabric_queue_ports_changed(endpoint->receive_queue);
  } else {
    fabric_peer_give(endpoint);
  }
  flush_requests(endpoint);
  flush_receives(endpoint);
  fabric_drop_early(endpoint);
}

/* What arrived before the end is told before it. */
static void take_last_words(struct fabric_port *port) {
  while (port->cq != NULL && fabric_port_read(port) > 0) {
  }
}

static void end(struct shim_endpoint *endpoint, uint32_t reason) {
  take_last_words(endpoint->port);
  int error = reason == SHIM_CLOSED_BY_PEER ? 0 : reason == SHIM_PEER_DIED ? ECONNRESET : EPROTO;
  fill(&endpoint->end.event, endpoint, SHIM_EVENT_DISCONNECTED, error);
  endpoint->end.event.reason = reason;
  endpoint->deadline = FABRIC_NO_DEADLINE;
  __atomic_store_n(&endpoint->state, SHIM_DISCONNECTED, __ATOMIC_SEQ_CST);
  fabric_link_leave(endpoint, reason == SHIM_CLOSED_BY_PEER);
  fabric_flush(endpoint);
  shim_event_push(&endpoint->domain->events, &endpoint->end);
  fabric_wake_queues(endpoint);
}

void fabric_endpoint_end(struct shim_endpoint *endpoint, uint32_t reason, const char *format, ...) {
  if (endpoint->state != SHIM_ESTABLISHED)
    return;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(endpoint->end.text, sizeof endpoint->end.text, format, arguments);
  va_end(arguments);
  end(endpoint, reason);
}

void fabric_endpoint_doom(struct shim_endpoint *endpoint, uint32_t reason, const char *format, ...) {
  if (endpoint->state != SHIM_ESTABLISHED || !shim_list_is_empty(&endpoint->doomed))
    return;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(endpoint->end.text, sizeof endpoint->end.text, format, arguments);
  va_end(arguments);
  endpoint->doom = reason;
  shim_list_append(&endpoint->domain->doomed, &endpoint->doomed);
}

void fabric_doom_fulfil(struct shim_domain *domain) {
  while (!shim_list_is_empty(&domain->doomed)) {
    struct shim_endpoint *endpoint = SHIM_CONTAINER(domain->doomed.next, struct shim_endpoint, doomed);
    shim_list_remove(&endpoint->doomed);
    if (endpoint->state == SHIM_ESTABLISHED)
      end(endpoint, endpoint->doom);
  }
}

void fabric_libfabric_ended(struct shim_endpoint *endpoint) {
  if (endpoint->libfabric_ended || endpoint->state != SHIM_ESTABLISHED)
    return;
  endpoint->libfabric_ended = true;
  endpoint->deadline = shim_now() + (uint64_t)LAST_WORD_MS * SHIM_NANOSECONDS_PER_MILLISECOND;
  fabric_bridge_kick(endpoint->domain);
}
