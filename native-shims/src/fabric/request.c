/* SPDX-License-Identifier: BSD-3-Clause */
/* Connection requests: they arrive on the bridge; the owner accepts or rejects them. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fabric_request_complete(struct fabric_link *link) {
  struct shim_domain *domain = link->domain;
  struct shim_request *request =
      fabric_find_listener(domain, link->listener_id) != NULL ? calloc(1, sizeof *request) : NULL;
  if (request == NULL) {
    fabric_link_close(link);
    return;
  }
  request->domain = domain;
  request->id = fabric_next_id();
  request->listener_id = link->listener_id;
  request->tcp = link;
  request->info = link->info;
  request->pep = link->pep;
  link->info = NULL;
  link->request = request;
  link->state = FABRIC_LINK_PENDING;
  link->deadline = FABRIC_NO_DEADLINE;
  shim_event_init(&request->arrival);
  fabric_format_address(&link->peer, request->peer, sizeof request->peer);
  request->peer_port = fabric_address_port(&link->peer);
  struct shim_event *arrival = &request->arrival.event;
  arrival->type = SHIM_EVENT_CONNECT_REQUEST;
  arrival->owner_id = request->listener_id;
  arrival->object = (uint64_t)(uintptr_t)request;
  arrival->peer_port = request->peer_port;
  (void)snprintf(arrival->peer, sizeof arrival->peer, "%s", request->peer);
  arrival->private_data_bytes = link->hello.private_bytes;
  memcpy(arrival->private_data, link->hello.private_data, link->hello.private_bytes);
  shim_list_append(&domain->requests, &request->link);
  shim_event_push(&domain->events, &request->arrival);
}

/* Refuses, if it was not answered, and frees. With the lock held. */
void fabric_request_free(struct shim_request *request, bool reject, const void *private_data, uint32_t bytes) {
  struct fabric_link *link = request->tcp;
  shim_event_drop(&request->domain->events, &request->arrival);
  shim_list_remove(&request->link);
  if (reject && link != NULL)
    fabric_link_refuse(link, private_data, bytes);
  if (link != NULL)
    link->request = NULL;
  if (request->info != NULL) {
    if (reject)
      (void)fi_reject(request->pep, request->info->handle, NULL, 0);
    fi_freeinfo(request->info);
  }
  free(request);
}

int shim_request_reject(struct shim_request *request, const void *private_data, uint32_t bytes) {
  struct shim_domain *domain = request->domain;
  if (bytes > SHIM_MAX_PRIVATE_DATA)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with a rejection", bytes,
                     SHIM_MAX_PRIVATE_DATA);
  fabric_lock(domain);
  fabric_request_free(request, true, private_data, bytes);
  fabric_unlock(domain);
  return 0;
}

/* FI_EP_RDM learns where the peer is; FI_EP_MSG accepts libfabric's connection. */
static int accept_libfabric(struct shim_endpoint *endpoint, const struct fabric_link *link) {
  struct shim_domain *domain = endpoint->domain;
  if (!domain->is_rdm) {
    int answer = fi_accept(endpoint->port->ep, NULL, 0);
    return answer == 0 ? 0 : fabric_fail(domain, "fi_accept", answer, "accepting a connection");
  }
  uint8_t name[FABRIC_NAME_BYTES];
  memcpy(name, link->hello.name, sizeof name);
  return fabric_dial(endpoint, name, link->hello.name_bytes, link->token);
}

static int accept_request(struct shim_endpoint *endpoint, const void *private_data, uint32_t bytes) {
  struct shim_request *request = endpoint->request;
  struct fabric_link *link = request->tcp;
  if (link == NULL)
    return shim_fail(ECONNRESET, "accepting %s: the peer gave up before", request->peer);
  memcpy(&endpoint->secret, link->token, sizeof endpoint->secret);
  endpoint->landing =
      (struct fabric_target){.address = link->hello.contact.landing_address, .rkey = link->hello.contact.landing_key};
  endpoint->peer_slot = link->hello.contact.slot;
  int error = accept_libfabric(endpoint, link);
  if (error != 0)
    return error;
  struct fabric_answer answer = {
      .contact = fabric_contact_of(endpoint->domain, endpoint), .accepted = 1, .private_bytes = bytes};
  if (bytes > 0)
    memcpy(answer.private_data, private_data, bytes);
  endpoint->ready = endpoint->domain->is_rdm;
  __atomic_store_n(&endpoint->state, SHIM_ESTABLISHED, __ATOMIC_SEQ_CST);
  link->endpoint = endpoint;
  link->state = FABRIC_LINK_OPEN;
  endpoint->tcp = link;
  endpoint->request = NULL;
  fabric_request_free(request, false, NULL, 0);
  fabric_link_send(link, FABRIC_ANSWER, &answer, sizeof answer);
  /* libfabric may have finished already. */
  fabric_connect_step(endpoint);
  return 0;
}

int shim_endpoint_accept(struct shim_endpoint *endpoint, const void *private_data, uint32_t bytes) {
  if (endpoint->request == NULL)
    return shim_fail(EINVAL, "accepting: endpoint %u was not opened for a request, or has answered it", endpoint->id);
  if (bytes > SHIM_MAX_PRIVATE_DATA)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with a connection", bytes,
                     SHIM_MAX_PRIVATE_DATA);
  fabric_lock(endpoint->domain);
  int error = accept_request(endpoint, private_data, bytes);
  fabric_unlock(endpoint->domain);
  return error;
}
