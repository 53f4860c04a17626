/* SPDX-License-Identifier: BSD-3-Clause */
/* How TCP connections begin and end what they belong to. */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LINGER_MS 1000u

struct fabric_contact fabric_contact_of(const struct shim_domain *domain, const struct shim_endpoint *endpoint) {
  return (struct fabric_contact){.landing_address = domain->landing->remote_address,
                                 .landing_key = fi_mr_key(domain->landing->mr),
                                 .slot = endpoint->slot};
}

void fabric_link_linger(struct fabric_link *link) {
  if (link->fd < 0)
    return;
  /* The peer reads what was said and closes; closing first could reset what it has not read yet. */
  (void)shutdown(link->fd, SHUT_WR);
  link->state = FABRIC_LINK_CLOSED;
  link->deadline = shim_now() + (uint64_t)LINGER_MS * SHIM_NANOSECONDS_PER_MILLISECOND;
  fabric_bridge_kick(link->domain);
}

void fabric_link_leave(struct shim_endpoint *endpoint, bool goodbye) {
  struct fabric_link *link = endpoint->tcp;
  if (link == NULL)
    return;
  endpoint->tcp = NULL;
  link->endpoint = NULL;
  if (!goodbye) {
    fabric_link_close(link);
    return;
  }
  fabric_link_send(link, FABRIC_GOODBYE, NULL, 0);
  fabric_link_linger(link);
}

void fabric_link_refuse(struct fabric_link *link, const void *private_data, uint32_t bytes) {
  struct fabric_answer answer = {.accepted = 0, .private_bytes = bytes};
  if (bytes > 0)
    memcpy(answer.private_data, private_data, bytes);
  fabric_link_send(link, FABRIC_ANSWER, &answer, sizeof answer);
  fabric_link_linger(link);
}

static void connecting_lost(struct shim_endpoint *endpoint, int error, const char *why) {
  if (error == ECONNREFUSED)
    fabric_connect_failed(endpoint, ECONNREFUSED, "nothing listens there (ECONNREFUSED)");
  else if (error == 0)
    fabric_connect_failed(endpoint, ECONNRESET, "it closed the connection without an answer; %s last", endpoint->step);
  else
    fabric_connect_failed(endpoint, error, "%s", why != NULL ? why : shim_errno_name(error));
}

static void established_lost(struct shim_endpoint *endpoint, int error, const char *why) {
  while (endpoint->port->cq != NULL && fabric_port_read(endpoint->port) > 0)
    continue;
  if (error == EPROTO)
    fabric_endpoint_end(endpoint, SHIM_PROTOCOL_VIOLATION, "%s port %u: %s", endpoint->peer, endpoint->peer_port, why);
  else if (error == ETIMEDOUT || error == EHOSTUNREACH)
    fabric_endpoint_end(endpoint, SHIM_PEER_DIED,
                        "%s port %u does not answer any more: its host is gone, or the way "
                        "there is (%s)",
                        endpoint->peer, endpoint->peer_port, shim_errno_name(error));
  else
    fabric_endpoint_end(
        endpoint, SHIM_PEER_DIED,
        "%s port %u disconnected without a goodbye: its process ended, or an error broke the connection",
        endpoint->peer, endpoint->peer_port);
}

void fabric_link_lost(struct fabric_link *link, int error, const char *why) {
  struct shim_endpoint *endpoint = link->endpoint;
  if (endpoint != NULL && endpoint->state == SHIM_CONNECTING)
    connecting_lost(endpoint, error, why);
  else if (endpoint != NULL && endpoint->state == SHIM_ESTABLISHED)
    established_lost(endpoint, error, why);
  if (link->endpoint != NULL) {
    link->endpoint->tcp = NULL;
    link->endpoint = NULL;
  }
  if (link->request != NULL) {
    link->request->tcp = NULL;
    link->request = NULL;
  }
  fabric_link_close(link);
}

void fabric_connection_came(struct shim_domain *domain, struct fi_info *info, struct fid_pep *pep, const uint8_t *token,
                            size_t bytes) {
  for (struct shim_list *node = domain->links.next; bytes >= FABRIC_TOKEN_BYTES && node != &domain->links;
       node = node->next) {
    struct fabric_link *link = SHIM_CONTAINER(node, struct fabric_link, link);
    if ((link->state != FABRIC_LINK_GREETS && link->state != FABRIC_LINK_HEARD) || link->info != NULL ||
        memcmp(link->token, token, FABRIC_TOKEN_BYTES) != 0)
      continue;
    link->info = info;
    link->pep = pep;
    if (link->state == FABRIC_LINK_HEARD)
      fabric_request_complete(link);
    return;
  }
  /* A stranger: it was not given this token by a listener. */
  (void)fi_reject(pep, info->handle, NULL, 0);
  fi_freeinfo(info);
}
