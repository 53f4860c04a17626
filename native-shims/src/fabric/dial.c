/* SPDX-License-Identifier: BSD-3-Clause */
/* Connecting: over TCP first; once the listener has said where libfabric's side of it is, there too. */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int fabric_endpoint_make(struct shim_endpoint *endpoint, struct fi_info *info) {
  struct shim_domain *domain = endpoint->domain;
  uint32_t completions = 2u * endpoint->send_depth + endpoint->receive_depth;
  endpoint->own_port.endpoint = endpoint;
  int error = fabric_port_open(&endpoint->own_port, domain, info, completions);
  if (error == 0)
    error = fabric_receives_post(endpoint);
  fabric_queue_ports_changed(endpoint->send_queue);
  fabric_queue_ports_changed(endpoint->receive_queue);
  return error;
}

/* What the domain was opened with, for one peer. */
static struct fi_info *info_for(const struct shim_domain *domain, const void *name, uint32_t bytes) {
  struct fi_info *info = fi_dupinfo(domain->info);
  if (info == NULL)
    return NULL;
  const struct sockaddr *address = name;
  bool other_family = domain->ip && bytes >= sizeof *address &&
                      address->sa_family != (info->addr_format == FI_SOCKADDR_IN6 ? AF_INET6 : AF_INET);
  if (other_family)
    info->addr_format = address->sa_family == AF_INET6 ? FI_SOCKADDR_IN6 : FI_SOCKADDR_IN;
  /* The system chooses from where, unless that was said. */
  if (other_family || (domain->ip && domain->options.source[0] == '\0')) {
    free(info->src_addr);
    info->src_addr = NULL;
    info->src_addrlen = 0;
  }
  free(info->dest_addr);
  info->dest_addr = malloc(bytes);
  info->dest_addrlen = info->dest_addr != NULL ? bytes : 0;
  if (info->dest_addr != NULL)
    memcpy(info->dest_addr, name, bytes);
  return info;
}

static int dial_msg(struct shim_endpoint *endpoint, const uint8_t *name, uint32_t bytes, const uint8_t *token) {
  struct shim_domain *domain = endpoint->domain;
  struct fi_info *info = info_for(domain, name, bytes);
  if (info == NULL)
    return shim_fail(ENOMEM, "no memory for an endpoint");
  int error = fabric_endpoint_make(endpoint, info);
  fi_freeinfo(info);
  if (error != 0)
    return error;
  int answer = fi_connect(endpoint->port->ep, name, token, FABRIC_TOKEN_BYTES);
  return answer == 0 ? 0 : fabric_fail(domain, "fi_connect", answer, "connecting");
}

int fabric_dial(struct shim_endpoint *endpoint, uint8_t *name, uint32_t bytes, const uint8_t *token) {
  struct shim_domain *domain = endpoint->domain;
  if (bytes == 0)
    return shim_fail(EPROTO, "connecting: the peer does not say where it is");
  return domain->is_rdm ? fabric_peer_take(endpoint, name, bytes) : dial_msg(endpoint, name, bytes, token);
}

static int open_link(struct shim_endpoint *endpoint, const union fabric_address *peer) {
  struct shim_domain *domain = endpoint->domain;
  int fd = socket(peer->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return shim_fail(errno, "connecting to %s port %u (socket: %s)%s", endpoint->peer, endpoint->peer_port,
                     shim_errno_name(errno), errno == EMFILE ? "; descriptors are exhausted, raise \"ulimit -n\"" : "");
  union fabric_address source;
  int error = 0;
  if (domain->options.source[0] != '\0') {
    error = fabric_lookup(domain->options.source, 0, true, &source);
    if (error == 0 && bind(fd, &source.any, fabric_address_bytes(&source)) != 0)
      error = shim_fail(errno, "connecting from %s (bind: %s)", domain->options.source, shim_errno_name(errno));
  }
  int refused = error == 0 && connect(fd, &peer->any, fabric_address_bytes(peer)) != 0 ? errno : 0;
  struct fabric_link *link = error == 0 ? fabric_link_open(domain, fd, FABRIC_LINK_DIALS) : NULL;
  if (link == NULL) {
    (void)close(fd);
    return error != 0 ? error : -ENOMEM;
  }
  link->peer = *peer;
  link->endpoint = endpoint;
  endpoint->tcp = link;
  if (refused != 0 && refused != EINPROGRESS)
    fabric_link_lost(link, refused, NULL);
  return 0;
}

int shim_endpoint_connect(struct shim_endpoint *endpoint, const char *host, uint32_t port, const void *private_data,
                          uint32_t bytes, uint32_t milliseconds) {
  struct shim_domain *domain = endpoint->domain;
  if (endpoint->request != NULL || endpoint->state != SHIM_NEW)
    return shim_fail(EINVAL, "connecting to %s port %u: the endpoint is not new; open another one", host, port);
  if (port == 0 || port > UINT16_MAX)
    return shim_fail(EINVAL, "connecting to %s port %u: ports are 1 to 65535", host, port);
  if (bytes > SHIM_MAX_PRIVATE_DATA)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with a connection", bytes,
                     SHIM_MAX_PRIVATE_DATA);
  union fabric_address peer;
  int error = fabric_lookup(host, port, false, &peer);
  if (error != 0)
    return error;
  fabric_format_address(&peer, endpoint->peer, sizeof endpoint->peer);
  endpoint->peer_port = port;
  endpoint->private_bytes = bytes;
  if (bytes > 0)
    memcpy(endpoint->private_data, private_data, bytes);
  fabric_lock(domain);
  endpoint->deadline = shim_now() + (uint64_t)milliseconds * SHIM_NANOSECONDS_PER_MILLISECOND;
  endpoint->step = "the listener was called";
  __atomic_store_n(&endpoint->state, SHIM_CONNECTING, __ATOMIC_SEQ_CST);
  error = open_link(endpoint, &peer);
  if (error != 0) {
    __atomic_store_n(&endpoint->state, SHIM_NEW, __ATOMIC_SEQ_CST);
    endpoint->deadline = FABRIC_NO_DEADLINE;
  }
  fabric_bridge_kick(domain);
  fabric_unlock(domain);
  return error;
}
