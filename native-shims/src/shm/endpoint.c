/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int check_options(const struct shim_endpoint_options *options) {
  if (options == NULL || options->send_depth == 0 || options->send_depth > SHM_MAX_ENTRIES ||
      options->receive_depth > SHM_MAX_ENTRIES)
    return shim_fail(EINVAL, "an endpoint's queues: send depth %u (wants 1 to %u), receive depth %u (wants 0 to %u)",
                     options == NULL ? 0 : options->send_depth, SHM_MAX_ENTRIES,
                     options == NULL ? 0 : options->receive_depth, SHM_MAX_ENTRIES);
  return 0;
}

static struct shim_endpoint *make(struct shim_domain *domain, const struct shim_endpoint_options *options) {
  struct shim_endpoint *endpoint = NULL;
  if (posix_memalign((void **)(void *)&endpoint, 64, sizeof *endpoint) != 0)
    return NULL;
  memset(endpoint, 0, sizeof *endpoint);
  uint32_t receives = 2;
  while (receives < options->receive_depth)
    receives *= 2u;
  endpoint->receives = calloc(receives, sizeof *endpoint->receives);
  if (endpoint->receives == NULL) {
    free(endpoint);
    return NULL;
  }
  endpoint->receive_mask = receives - 1u;
  endpoint->receive_depth = options->receive_depth;
  endpoint->send_depth = options->send_depth;
  endpoint->domain = domain;
  endpoint->id = shm_next_id();
  endpoint->socket = endpoint->inbox_fd = endpoint->peer_pidfd = endpoint->answer_fd = -1;
  endpoint->socket_watch = endpoint->pidfd_watch = SHM_NO_WATCH;
  endpoint->deadline = SHM_NO_DEADLINE;
  shim_list_init(&endpoint->link);
  shim_event_init(&endpoint->outcome);
  shim_event_init(&endpoint->end);
  shim_event_init(&endpoint->answer);
  return endpoint;
}

static void destroy(struct shim_endpoint *endpoint) {
  shm_targets_close(endpoint);
  shm_inbox_close(endpoint);
  if (endpoint->socket >= 0)
    (void)close(endpoint->socket);
  if (endpoint->peer_pidfd >= 0)
    (void)close(endpoint->peer_pidfd);
  if (endpoint->answer_fd >= 0)
    (void)close(endpoint->answer_fd);
  free(endpoint->receives);
  free(endpoint);
}

int shim_endpoint_open(struct shim_domain *domain, struct shim_request *request, struct shim_queue *send_queue,
                       struct shim_queue *receive_queue, const struct shim_endpoint_options *options,
                       struct shim_endpoint **opened) {
  int error = check_options(options);
  if (error != 0)
    return error;
  struct shim_endpoint *endpoint = make(domain, options);
  if (endpoint == NULL)
    return shim_fail(ENOMEM, "no memory for an endpoint");
  endpoint->send_queue = send_queue;
  endpoint->receive_queue = receive_queue;
  error = shm_inbox_open(endpoint);
  if (error == 0)
    error = shm_queue_attach(receive_queue, endpoint);
  if (error != 0) {
    destroy(endpoint);
    return error;
  }
  shm_lock(domain);
  send_queue->users++;
  if (request != NULL) {
    shim_event_drop(&domain->events, &request->arrival);
    shim_list_remove(&request->link);
    endpoint->request = request;
  }
  shim_list_append(&domain->endpoints, &endpoint->link);
  shm_unlock(domain);
  *opened = endpoint;
  return (int)endpoint->id;
}

int shim_endpoint_disconnect(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  struct shim_request *request = NULL;
  shm_lock(domain);
  int32_t state = endpoint->state;
  if (state != SHIM_DISCONNECTED && state != SHIM_FAILED) {
    shm_endpoint_unwatch(endpoint);
    endpoint->deadline = SHM_NO_DEADLINE;
    endpoint->retry = false;
    if (state == SHIM_ESTABLISHED) {
      struct shm_header bye = shm_make_header(SHM_BYE);
      /* A peer that is gone or that does not read learns it from the closed socket. */
      (void)shm_send(endpoint->socket, &bye, sizeof bye, NULL, 0);
    }
    if (endpoint->socket >= 0)
      (void)close(endpoint->socket);
    endpoint->socket = -1;
    __atomic_store_n(&endpoint->state, SHIM_DISCONNECTED, __ATOMIC_SEQ_CST);
    request = endpoint->request;
    endpoint->request = NULL;
    shm_queue_wake(endpoint->receive_queue, SHM_NOTICE_STATE);
    if (endpoint->send_queue != endpoint->receive_queue)
      shm_queue_wake(endpoint->send_queue, SHM_NOTICE_STATE);
  }
  shm_unlock(domain);
  return request != NULL ? shim_request_reject(request, NULL, 0) : 0;
}

int shim_endpoint_close(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  (void)shim_endpoint_disconnect(endpoint);
  shm_lock(domain);
  shm_endpoint_unwatch(endpoint);
  shim_event_drop(&domain->events, &endpoint->outcome);
  shim_event_drop(&domain->events, &endpoint->end);
  shim_event_drop(&domain->events, &endpoint->answer);
  shim_list_remove(&endpoint->link);
  shm_unlock(domain);
  shm_queue_detach(endpoint->receive_queue, endpoint);
  shm_lock(domain);
  endpoint->send_queue->users--;
  shm_unlock(domain);
  shm_local_forget(endpoint->send_queue, endpoint);
  destroy(endpoint);
  return 0;
}

int shim_endpoint_state(struct shim_endpoint *endpoint) {
  return __atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE);
}
