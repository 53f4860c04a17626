/* SPDX-License-Identifier: BSD-3-Clause */
#include "../common/clock.h"
#include "internal.h"
#include "prepared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define GOODBYE_MS 200u /* while no request gets done */
#define LONGEST_GOODBYE_MS 2000u
#define GOODBYE_NAP_NS 20000u
/* What a nap counts for at most: a machine that was busy elsewhere did not wait for the peer. */
#define LONGEST_NAP_NS 1000000u

static struct shim_endpoint *make(struct shim_domain *domain, const struct shim_endpoint_options *options) {
  struct shim_endpoint *endpoint = calloc(1, sizeof *endpoint);
  if (endpoint == NULL)
    return NULL;
  endpoint->domain = domain;
  endpoint->id = fabric_next_id();
  endpoint->deadline = FABRIC_NO_DEADLINE;
  endpoint->send_depth = options->send_depth;
  endpoint->receive_depth = options->receive_depth;
  endpoint->max_segments = domain->max_segments;
  endpoint->max_send = domain->max_send;
  endpoint->address = FI_ADDR_UNSPEC;
  endpoint->slot = UINT32_MAX;
  endpoint->port = domain->is_rdm ? &domain->port : &endpoint->own_port;
  struct shim_list *lists[] = {&endpoint->link,          &endpoint->outstanding, &endpoint->kept,
                               &endpoint->stuck,         &endpoint->receives,    &endpoint->early,
                               &endpoint->own_port.link, &endpoint->doomed,      &endpoint->own_port.busy};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    shim_list_init(lists[i]);
  shim_event_init(&endpoint->outcome);
  shim_event_init(&endpoint->end);
  shim_event_init(&endpoint->answer);
  return endpoint;
}

static int check(const struct shim_endpoint_options *options) {
  const uint32_t most = 8192;
  if (options->send_depth == 0 || options->send_depth > most || options->receive_depth == 0 ||
      options->receive_depth > most)
    return shim_fail(EINVAL, "an endpoint with queues of %u sends and %u receives; 1 to %u are possible",
                     options->send_depth, options->receive_depth, most);
  return 0;
}

/* Takes the request over; with the lock held. */
static int take_request(struct shim_endpoint *endpoint, struct shim_request *request) {
  struct shim_domain *domain = endpoint->domain;
  memcpy(endpoint->peer, request->peer, sizeof endpoint->peer);
  endpoint->peer_port = request->peer_port;
  if (!domain->is_rdm) {
    if (request->tcp == NULL)
      return shim_fail(ECONNRESET, "opening an endpoint for %s: the peer gave up before", request->peer);
    int error = fabric_endpoint_make(endpoint, request->info);
    if (error != 0)
      return error;
  }
  shim_event_drop(&domain->events, &request->arrival);
  shim_list_remove(&request->link);
  endpoint->request = request;
  return 0;
}

int shim_endpoint_open(struct shim_domain *domain, struct shim_request *request, struct shim_queue *send_queue,
                       struct shim_queue *receive_queue, const struct shim_endpoint_options *options,
                       struct shim_endpoint **opened) {
  int error = check(options);
  struct shim_endpoint *endpoint = error == 0 ? make(domain, options) : NULL;
  if (endpoint == NULL)
    return error != 0 ? error : shim_fail(ENOMEM, "no memory for an endpoint");
  fabric_lock(domain);
  endpoint->send_queue = send_queue;
  endpoint->receive_queue = receive_queue;
  if (domain->is_rdm)
    error = fabric_slot_take(endpoint);
  if (error == 0 && request != NULL)
    error = take_request(endpoint, request);
  if (error == 0) {
    shim_list_append(&domain->endpoints, &endpoint->link);
    fabric_queue_attach(send_queue);
    fabric_queue_attach(receive_queue);
  } else {
    fabric_slot_give(endpoint);
    fabric_port_close(&endpoint->own_port);
  }
  fabric_unlock(domain);
  if (error != 0) {
    free(endpoint);
    return error;
  }
  *opened = endpoint;
  return (int)endpoint->id;
}

/* With the lock held, which is given up meanwhile; how long it took, in nanoseconds. */
static uint64_t take_nap(struct shim_domain *domain) {
  struct timespec nap = {.tv_nsec = GOODBYE_NAP_NS};
  uint64_t begin = shim_now();
  fabric_unlock(domain);
  (void)nanosleep(&nap, NULL);
  fabric_lock(domain);
  return shim_now() - begin;
}

/* A read of the peer's memory comes back when everything posted before has arrived. */
static void say_goodbye(struct shim_endpoint *endpoint) {
  uint64_t patience = (uint64_t)GOODBYE_MS * SHIM_NANOSECONDS_PER_MILLISECOND;
  uint64_t deadline = shim_now() + (uint64_t)LONGEST_GOODBYE_MS * SHIM_NANOSECONDS_PER_MILLISECOND;
  uint64_t waited = 0;
  endpoint->fenced = false;
  if (fabric_issue_fence(endpoint) != 0)
    return;
  while (waited < patience && shim_now() < deadline) {
    uint32_t in_flight = endpoint->in_flight;
    fabric_progress(endpoint->domain);
    if (endpoint->fenced || endpoint->state != SHIM_ESTABLISHED)
      return;
    uint64_t nap = take_nap(endpoint->domain);
    waited = endpoint->in_flight != in_flight ? 0 : waited + (nap < LONGEST_NAP_NS ? nap : LONGEST_NAP_NS);
  }
}

static void disconnect(struct shim_endpoint *endpoint) {
  bool may_owe = endpoint->ready || !shim_list_is_empty(&endpoint->kept);
  if (endpoint->state == SHIM_ESTABLISHED && may_owe && endpoint->tcp != NULL && !endpoint->libfabric_ended)
    say_goodbye(endpoint);
  int32_t state = endpoint->state;
  if (state == SHIM_DISCONNECTED || state == SHIM_FAILED)
    return;
  __atomic_store_n(&endpoint->state, SHIM_DISCONNECTED, __ATOMIC_SEQ_CST);
  endpoint->deadline = FABRIC_NO_DEADLINE;
  fabric_link_leave(endpoint, state == SHIM_ESTABLISHED);
  struct shim_request *request = endpoint->request;
  endpoint->request = NULL;
  fabric_flush(endpoint);
  if (request != NULL)
    fabric_request_free(request, true, NULL, 0);
  fabric_wake_queues(endpoint);
}

int shim_endpoint_disconnect(struct shim_endpoint *endpoint) {
  fabric_lock(endpoint->domain);
  disconnect(endpoint);
  fabric_unlock(endpoint->domain);
  return 0;
}

int shim_endpoint_close(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  fabric_lock(domain);
  disconnect(endpoint);
  fabric_link_leave(endpoint, false);
  shim_event_drop(&domain->events, &endpoint->outcome);
  shim_event_drop(&domain->events, &endpoint->end);
  shim_event_drop(&domain->events, &endpoint->answer);
  fabric_slot_give(endpoint);
  shim_list_remove(&endpoint->link);
  shim_list_remove(&endpoint->doomed);
  fabric_queue_detach(endpoint->send_queue, endpoint);
  fabric_queue_detach(endpoint->receive_queue, endpoint);
  fabric_unlock(domain);
  free(endpoint->targets);
  free(endpoint);
  return 0;
}

int shim_endpoint_state(struct shim_endpoint *endpoint) {
  return __atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE);
}
