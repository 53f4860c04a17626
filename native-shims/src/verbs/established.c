/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of a connection; with the lock held. */
#include "prepared.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static void fill(struct shim_event *event, const struct shim_endpoint *endpoint, uint32_t type, int error) {
  event->type = type;
  event->owner_id = endpoint->id;
  event->error = -error;
  event->object = (uint64_t)(uintptr_t)endpoint;
  event->peer_port = endpoint->peer_port;
  (void)snprintf(event->peer, sizeof event->peer, "%s", endpoint->peer);
}

static void wake_queues(struct shim_endpoint *endpoint) {
  verbs_queue_wake(endpoint->receive_queue, VERBS_NOTICE_STATE);
  if (endpoint->send_queue != endpoint->receive_queue)
    verbs_queue_wake(endpoint->send_queue, VERBS_NOTICE_STATE);
}

void verbs_settle(struct shim_endpoint *endpoint, int32_t state, uint32_t event_type, int error) {
  endpoint->deadline = VERBS_NO_DEADLINE;
  fill(&endpoint->outcome.event, endpoint, event_type, error);
  __atomic_store_n(&endpoint->state, state, __ATOMIC_SEQ_CST);
  shim_event_push(&endpoint->domain->events, &endpoint->outcome);
  wake_queues(endpoint);
}

void verbs_peer_is_ready(struct shim_endpoint *endpoint) {
  if (__atomic_load_n(&endpoint->ready, __ATOMIC_ACQUIRE) != 0)
    return;
  int error = verbs_post_deferred(endpoint);
  __atomic_store_n(&endpoint->ready, 1, __ATOMIC_RELEASE);
  if (error != 0)
    verbs_endpoint_end(endpoint, SHIM_PROTOCOL_VIOLATION, "the device refused requests that were kept for it (%s)",
                       shim_errno_name(-error));
}

void verbs_endpoint_end(struct shim_endpoint *endpoint, uint32_t reason, const char *format, ...) {
  if (endpoint->state != SHIM_ESTABLISHED)
    return;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(endpoint->end.text, sizeof endpoint->end.text, format, arguments);
  va_end(arguments);
  int error = reason == SHIM_CLOSED_BY_PEER ? 0 : reason == SHIM_PEER_DIED ? ECONNRESET : EPROTO;
  fill(&endpoint->end.event, endpoint, SHIM_EVENT_DISCONNECTED, error);
  endpoint->end.event.reason = reason;
  __atomic_store_n(&endpoint->state, SHIM_DISCONNECTED, __ATOMIC_SEQ_CST);
  verbs_qp_fail(endpoint);
  /* Into a queue pair in error they complete as flushed. */
  verbs_peer_is_ready(endpoint);
  (void)rdma_disconnect(endpoint->cm);
  shim_event_push(&endpoint->domain->events, &endpoint->end);
  wake_queues(endpoint);
}

void verbs_peer_left(struct shim_endpoint *endpoint) {
  if (verbs_mailbox_has_goodbye(endpoint))
    verbs_endpoint_end(endpoint, SHIM_CLOSED_BY_PEER, "%s port %u disconnected", endpoint->peer, endpoint->peer_port);
  else
    verbs_endpoint_end(endpoint, SHIM_PEER_DIED,
                       "%s port %u disconnected without a goodbye: its process ended, or an "
                       "error broke the connection",
                       endpoint->peer, endpoint->peer_port);
}
