/* SPDX-License-Identifier: BSD-3-Clause */
/* What took too long. */
#include "../common/clock.h"
#include "internal.h"

#include <errno.h>

#define LONGEST_SLEEP 60000u

static void expire_endpoint(struct shim_endpoint *endpoint) {
  endpoint->deadline = FABRIC_NO_DEADLINE;
  if (endpoint->state == SHIM_CONNECTING)
    fabric_connect_failed(endpoint, ETIMEDOUT, "no answer in time; %s last", endpoint->step);
  else
    fabric_endpoint_end(endpoint, SHIM_PROTOCOL_VIOLATION,
                        "libfabric's connection to %s port %u broke: a request that the peer refused, or an error of "
                        "the network",
                        endpoint->peer, endpoint->peer_port);
}

int fabric_expire(struct shim_domain *domain) {
  uint64_t deadline = FABRIC_NO_DEADLINE;
  uint64_t now = shim_now();
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next) {
    struct shim_endpoint *endpoint = SHIM_CONTAINER(node, struct shim_endpoint, link);
    if (endpoint->deadline <= now)
      expire_endpoint(endpoint);
    else if (endpoint->deadline < deadline)
      deadline = endpoint->deadline;
  }
  for (struct shim_list *node = domain->links.next, *next; node != &domain->links; node = next) {
    struct fabric_link *link = SHIM_CONTAINER(node, struct fabric_link, link);
    next = node->next;
    if (link->deadline <= now)
      fabric_link_lost(link, ETIMEDOUT, "it said nothing in time");
    else if (link->deadline < deadline)
      deadline = link->deadline;
  }
  if (deadline == FABRIC_NO_DEADLINE)
    return -1;
  uint64_t milliseconds = (deadline - now) / SHIM_NANOSECONDS_PER_MILLISECOND + 1u;
  return milliseconds > LONGEST_SLEEP ? (int)LONGEST_SLEEP : (int)milliseconds;
}
