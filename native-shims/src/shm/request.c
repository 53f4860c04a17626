/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void shm_request_release(struct shim_request *request) {
  shim_event_drop(&request->domain->events, &request->arrival);
  shim_list_remove(&request->link);
  if (request->listener != NULL)
    shm_listener_answered(request->listener);
  free(request);
}

static void reject(struct shim_request *request, const void *private_data, uint32_t bytes) {
  shm_send_rejection(request->socket, SHM_REJECTED, private_data, bytes);
  (void)close(request->socket);
  (void)close(request->inbox_fd);
  if (request->pidfd >= 0)
    (void)close(request->pidfd);
  shm_request_release(request);
}

void shm_requests_orphan(struct shim_listener *listener) {
  struct shim_domain *domain = listener->domain;
  for (struct shim_list *node = domain->requests.next, *next; node != &domain->requests; node = next) {
    struct shim_request *request = SHIM_CONTAINER(node, struct shim_request, link);
    next = node->next;
    if (request->listener != listener)
      continue;
    request->listener = NULL;
    if (!shim_list_is_empty(&request->arrival.link))
      reject(request, NULL, 0);
  }
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next) {
    struct shim_endpoint *endpoint = SHIM_CONTAINER(node, struct shim_endpoint, link);
    if (endpoint->request != NULL && endpoint->request->listener == listener)
      endpoint->request->listener = NULL;
  }
}

int shim_request_reject(struct shim_request *request, const void *private_data, uint32_t bytes) {
  struct shim_domain *domain = request->domain;
  if (bytes > SHIM_MAX_PRIVATE_DATA)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with a rejection", bytes,
                     SHIM_MAX_PRIVATE_DATA);
  shm_lock(domain);
  reject(request, private_data, bytes);
  shm_unlock(domain);
  return 0;
}
