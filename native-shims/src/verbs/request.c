/* SPDX-License-Identifier: BSD-3-Clause */
/* Connection requests: they arrive on the bridge; the owner accepts or rejects them. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct shim_listener *find_listener(struct shim_domain *domain, uint32_t id) {
  for (struct shim_list *node = domain->listeners.next; node != &domain->listeners; node = node->next) {
    struct shim_listener *listener = SHIM_CONTAINER(node, struct shim_listener, link);
    if (listener->id == id)
      return listener;
  }
  return NULL;
}

static void refuse(struct rdma_cm_id *cm) {
  (void)rdma_reject(cm, NULL, 0);
  (void)rdma_destroy_id(cm);
}

static void fill(struct shim_request *request, const struct verbs_cm_event *event) {
  union verbs_address peer;
  const struct sockaddr *address = rdma_get_peer_addr(request->cm);
  memset(&peer, 0, sizeof peer);
  memcpy(&peer, address, address->sa_family == AF_INET6 ? sizeof peer.v6 : sizeof peer.v4);
  verbs_format_address(&peer, request->peer, sizeof request->peer);
  request->peer_port = verbs_address_port(&peer);
  struct shim_event *arrival = &request->arrival.event;
  arrival->type = SHIM_EVENT_CONNECT_REQUEST;
  arrival->owner_id = request->listener_id;
  arrival->object = (uint64_t)(uintptr_t)request;
  arrival->peer_port = request->peer_port;
  (void)snprintf(arrival->peer, sizeof arrival->peer, "%s", request->peer);
  arrival->private_data_bytes = event->private_bytes < VERBS_PRIVATE_BYTES ? event->private_bytes : VERBS_PRIVATE_BYTES;
  memcpy(arrival->private_data, event->private_data, arrival->private_data_bytes);
}

void verbs_request_arrived(struct shim_domain *domain, const struct verbs_cm_event *event) {
  /* A listener on all addresses also hears of other devices, whose memory is not this domain's. */
  bool usable = find_listener(domain, event->owner_id) != NULL && event->cm->verbs == domain->context;
  struct shim_request *request = usable ? calloc(1, sizeof *request) : NULL;
  if (request == NULL) {
    refuse(event->cm);
    return;
  }
  request->domain = domain;
  request->id = verbs_next_id();
  request->listener_id = event->owner_id;
  request->cm = event->cm;
  request->cm->context = (void *)(uintptr_t)request->id;
  request->initiator_depth = event->initiator_depth;
  request->responder_resources = event->responder_resources;
  shim_event_init(&request->arrival);
  fill(request, event);
  shim_list_append(&domain->requests, &request->link);
  shim_event_push(&domain->events, &request->arrival);
}

void verbs_request_gone(struct shim_domain *domain, uint32_t id) {
  for (struct shim_list *node = domain->requests.next; node != &domain->requests; node = node->next) {
    struct shim_request *request = SHIM_CONTAINER(node, struct shim_request, link);
    if (request->id == id)
      request->gone = true;
  }
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next) {
    struct shim_endpoint *endpoint = SHIM_CONTAINER(node, struct shim_endpoint, link);
    if (endpoint->request != NULL && endpoint->request->id == id)
      endpoint->request->gone = true;
  }
}

struct rdma_cm_id *verbs_request_release(struct shim_request *request) {
  struct rdma_cm_id *cm = request->cm;
  shim_event_drop(&request->domain->events, &request->arrival);
  shim_list_remove(&request->link);
  free(request);
  return cm;
}

void verbs_requests_orphan(struct shim_listener *listener) {
  struct shim_domain *domain = listener->domain;
  for (struct shim_list *node = domain->requests.next, *next; node != &domain->requests; node = next) {
    struct shim_request *request = SHIM_CONTAINER(node, struct shim_request, link);
    next = node->next;
    if (request->listener_id == listener->id && !shim_list_is_empty(&request->arrival.link))
      refuse(verbs_request_release(request));
  }
}

int shim_request_reject(struct shim_request *request, const void *private_data, uint32_t bytes) {
  struct shim_domain *domain = request->domain;
  if (bytes > VERBS_PRIVATE_BYTES)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with a rejection", bytes,
                     VERBS_PRIVATE_BYTES);
  verbs_lock(domain);
  struct rdma_cm_id *cm = verbs_request_release(request);
  /* The peer may have gone already: then nobody hears it. */
  (void)rdma_reject(cm, private_data, (uint8_t)bytes);
  (void)rdma_destroy_id(cm);
  verbs_unlock(domain);
  return 0;
}

/* Answers and takes the id over; with the lock held. */
static int accept_request(struct shim_endpoint *endpoint, const void *private_data, uint32_t bytes) {
  struct shim_request *request = endpoint->request;
  if (request->gone)
    return shim_fail(ECONNRESET, "accepting %s: the peer gave up before", request->peer);
  int error = verbs_qp_transmit(endpoint, request->cm);
  if (error != 0)
    return error;
  uint8_t answer[VERBS_ACCEPT_BYTES] = {0};
  if (bytes > 0)
    memcpy(answer, private_data, bytes);
  verbs_mailbox_announce(endpoint, answer);
  struct rdma_conn_param parameters = {
      .private_data = answer,
      .private_data_len = sizeof answer,
      .responder_resources = endpoint->responder_resources,
      .initiator_depth = endpoint->initiator_depth,
      .flow_control = 1,
      .rnr_retry_count = (uint8_t)endpoint->domain->options.rnr_retry,
      .qp_num = endpoint->qp->qp_num,
  };
  /* From now on the bridge finds the endpoint by the id. */
  request->cm->context = (void *)(uintptr_t)endpoint->id;
  __atomic_store_n(&endpoint->state, SHIM_ESTABLISHED, __ATOMIC_SEQ_CST);
  if (rdma_accept(request->cm, &parameters) != 0) {
    error = errno;
    request->cm->context = (void *)(uintptr_t)request->id;
    __atomic_store_n(&endpoint->state, SHIM_NEW, __ATOMIC_SEQ_CST);
    return shim_fail(error, "accepting %s (rdma_accept: %s)", request->peer, shim_errno_name(error));
  }
  endpoint->request = NULL;
  endpoint->accepted = true;
  (void)snprintf(endpoint->peer, sizeof endpoint->peer, "%s", request->peer);
  endpoint->peer_port = request->peer_port;
  endpoint->cm = verbs_request_release(request);
  return 0;
}

int shim_endpoint_accept(struct shim_endpoint *endpoint, const void *private_data, uint32_t bytes) {
  if (endpoint->request == NULL)
    return shim_fail(EINVAL, "accepting: endpoint %u was not opened for a request, or has answered it", endpoint->id);
  if (bytes > VERBS_PRIVATE_BYTES)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with a connection", bytes,
                     VERBS_PRIVATE_BYTES);
  verbs_lock(endpoint->domain);
  int error = accept_request(endpoint, private_data, bytes);
  verbs_unlock(endpoint->domain);
  return error;
}
