/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

#define MOST_READS 16 /* reads and atomics under way at once */

static uint8_t limited(int of_device) {
  return (uint8_t)(of_device < MOST_READS ? of_device : MOST_READS);
}

static uint8_t smaller(uint8_t a, uint8_t b) {
  return a < b ? a : b;
}

static struct shim_endpoint *make(struct shim_domain *domain, const struct shim_request *request) {
  struct shim_endpoint *endpoint = calloc(1, sizeof *endpoint);
  if (endpoint == NULL)
    return NULL;
  endpoint->domain = domain;
  endpoint->id = verbs_next_id();
  endpoint->deadline = VERBS_NO_DEADLINE;
  endpoint->initiator_depth = limited(domain->device.max_qp_init_rd_atom);
  endpoint->responder_resources = limited(domain->device.max_qp_rd_atom);
  if (request != NULL) {
    endpoint->initiator_depth = smaller(endpoint->initiator_depth, request->initiator_depth);
    endpoint->responder_resources = smaller(endpoint->responder_resources, request->responder_resources);
  }
  shim_list_init(&endpoint->link);
  shim_list_init(&endpoint->deferred);
  shim_event_init(&endpoint->outcome);
  shim_event_init(&endpoint->end);
  return endpoint;
}

static void destroy(struct shim_endpoint *endpoint) {
  if (endpoint->qp != NULL)
    (void)ibv_destroy_qp(endpoint->qp);
  if (endpoint->promised_sends > 0)
    verbs_queue_detach(endpoint->send_queue, endpoint, endpoint->promised_sends);
  if (endpoint->promised_receives > 0)
    verbs_queue_detach(endpoint->receive_queue, endpoint, endpoint->promised_receives);
  if (endpoint->cm != NULL)
    (void)rdma_destroy_id(endpoint->cm);
  verbs_mailbox_close(endpoint);
  verbs_deferred_drop(endpoint);
  free(endpoint->targets);
  free(endpoint->sent);
  free(endpoint);
}

static int attach(struct shim_endpoint *endpoint) {
  uint32_t sends = endpoint->slots + 1u;
  uint32_t receives = endpoint->receive_depth + 1u;
  int error = verbs_queue_attach(endpoint->send_queue, sends);
  if (error != 0)
    return error;
  endpoint->promised_sends = sends;
  error = verbs_queue_attach(endpoint->receive_queue, receives);
  if (error == 0)
    endpoint->promised_receives = receives;
  return error;
}

static int build(struct shim_endpoint *endpoint, const struct shim_request *request,
                 const struct shim_endpoint_options *options) {
  int error = verbs_qp_create(endpoint, options);
  if (error == 0)
    error = verbs_mailbox_open(endpoint);
  if (error == 0)
    error = attach(endpoint);
  if (error == 0)
    error = verbs_qp_prepare(endpoint, request == NULL ? NULL : request->cm);
  return error == 0 ? verbs_table_add(endpoint->domain, endpoint) : error;
}

int shim_endpoint_open(struct shim_domain *domain, struct shim_request *request, struct shim_queue *send_queue,
                       struct shim_queue *receive_queue, const struct shim_endpoint_options *options,
                       struct shim_endpoint **opened) {
  struct shim_endpoint *endpoint = make(domain, request);
  if (endpoint == NULL)
    return shim_fail(ENOMEM, "no memory for an endpoint");
  endpoint->send_queue = send_queue;
  endpoint->receive_queue = receive_queue;
  int error = build(endpoint, request, options);
  if (error != 0) {
    destroy(endpoint);
    return error;
  }
  verbs_lock(domain);
  if (request != NULL) {
    shim_event_drop(&domain->events, &request->arrival);
    shim_list_remove(&request->link);
    endpoint->request = request;
  }
  shim_list_append(&domain->endpoints, &endpoint->link);
  verbs_unlock(domain);
  *opened = endpoint;
  return (int)endpoint->id;
}

static void wake_queues(struct shim_endpoint *endpoint) {
  verbs_queue_wake(endpoint->receive_queue, VERBS_NOTICE_STATE);
  if (endpoint->send_queue != endpoint->receive_queue)
    verbs_queue_wake(endpoint->send_queue, VERBS_NOTICE_STATE);
}

int shim_endpoint_disconnect(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  struct shim_request *request = NULL;
  verbs_mailbox_await_peer(endpoint);
  if (shim_endpoint_state(endpoint) == SHIM_ESTABLISHED && __atomic_load_n(&endpoint->ready, __ATOMIC_ACQUIRE) != 0)
    verbs_mailbox_goodbye(endpoint);
  verbs_lock(domain);
  int32_t state = endpoint->state;
  if (state != SHIM_DISCONNECTED && state != SHIM_FAILED) {
    __atomic_store_n(&endpoint->state, SHIM_DISCONNECTED, __ATOMIC_SEQ_CST);
    endpoint->deadline = VERBS_NO_DEADLINE;
    verbs_qp_fail(endpoint);
    if (state == SHIM_ESTABLISHED) {
      verbs_peer_is_ready(endpoint);
      (void)rdma_disconnect(endpoint->cm);
    } else if (endpoint->cm != NULL) {
      (void)rdma_destroy_id(endpoint->cm);
      endpoint->cm = NULL;
    }
    request = endpoint->request;
    endpoint->request = NULL;
    wake_queues(endpoint);
  }
  verbs_unlock(domain);
  return request != NULL ? shim_request_reject(request, NULL, 0) : 0;
}

int shim_endpoint_close(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  (void)shim_endpoint_disconnect(endpoint);
  /* What the device still says of its requests is kept under its id. */
  if (endpoint->transmits)
    verbs_mailbox_goodbye(endpoint);
  verbs_lock(domain);
  shim_event_drop(&domain->events, &endpoint->outcome);
  shim_event_drop(&domain->events, &endpoint->end);
  shim_list_remove(&endpoint->link);
  verbs_unlock(domain);
  verbs_queue_reap(endpoint->send_queue);
  verbs_queue_reap(endpoint->receive_queue);
  verbs_table_remove(domain, endpoint);
  struct shim_queue *receive_queue = endpoint->receive_queue;
  destroy(endpoint);
  /* Receives that were flushed since: nobody waits for them, and they must not take up room. */
  verbs_queue_reap(receive_queue);
  return 0;
}

int shim_endpoint_state(struct shim_endpoint *endpoint) {
  return __atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE);
}
