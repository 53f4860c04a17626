/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BACKLOG 4096u

static int find_address(struct shim_domain *domain, const char *host, uint32_t port, union verbs_address *address) {
  const char *wanted = host != NULL && host[0] != '\0' ? host : domain->options.source;
  if (wanted[0] != '\0')
    return verbs_lookup(wanted, port, true, address);
  if (domain->address_count == 0)
    return shim_fail(EADDRNOTAVAIL,
                     "cannot listen: RDMA device %s has no address; give its network device one: ip addr "
                     "add",
                     ibv_get_device_name(domain->context->device));
  /* Of several, the one on the way to where the domain was opened for: whoever answers comes from there. */
  const union verbs_address *own = NULL;
  if (domain->options.route[0] != '\0' && verbs_lookup(domain->options.route, 0, false, address) == 0)
    own = verbs_source_for(domain, address);
  *address = own == NULL ? domain->addresses[0] : *own;
  verbs_set_port(address, port);
  return 0;
}

static int cannot_listen(const union verbs_address *address, int error) {
  char text[SHIM_ADDRESS_BYTES];
  verbs_format_address(address, text, sizeof text);
  const char *help = error == EADDRINUSE                         ? "; choose another port, or 0 for any free one"
                     : error == EADDRNOTAVAIL || error == ENODEV ? "; no RDMA device here has this address"
                                                                 : "";
  return shim_fail(error, "cannot listen on %s port %u (%s)%s", text, verbs_address_port(address),
                   shim_errno_name(error), help);
}

static int open_listener(struct shim_listener *listener, union verbs_address *address, uint32_t backlog) {
  struct shim_domain *domain = listener->domain;
  if (rdma_create_id(domain->channel, &listener->cm, (void *)(uintptr_t)listener->id, RDMA_PS_TCP) != 0)
    return shim_fail(errno, "cannot listen (rdma_create_id: %s)", shim_errno_name(errno));
  if (rdma_bind_addr(listener->cm, &address->any) != 0)
    return cannot_listen(address, errno);
  if (listener->cm->verbs != NULL && listener->cm->verbs != domain->context)
    return shim_fail(EADDRNOTAVAIL, "cannot listen: the address belongs to RDMA device %s, and this domain uses %s",
                     ibv_get_device_name(listener->cm->verbs->device), ibv_get_device_name(domain->context->device));
  if (rdma_listen(listener->cm, (int)(backlog == 0 ? 1u : backlog > MAX_BACKLOG ? MAX_BACKLOG : backlog)) != 0)
    return cannot_listen(address, errno);
  return 0;
}

int shim_listener_open(struct shim_domain *domain, const char *host, uint32_t port, uint32_t backlog,
                       struct shim_listener **opened) {
  union verbs_address address;
  if (port > UINT16_MAX)
    return shim_fail(EINVAL, "cannot listen on port %u: ports end at 65535", port);
  int error = find_address(domain, host, port, &address);
  if (error != 0)
    return error;
  struct shim_listener *listener = calloc(1, sizeof *listener);
  if (listener == NULL)
    return shim_fail(ENOMEM, "no memory for a listener");
  listener->domain = domain;
  listener->id = verbs_next_id();
  shim_list_init(&listener->link);
  /* Under the lock, so that no request arrives before the listener is known. */
  verbs_lock(domain);
  error = open_listener(listener, &address, backlog);
  if (error == 0)
    shim_list_append(&domain->listeners, &listener->link);
  else if (listener->cm != NULL)
    (void)rdma_destroy_id(listener->cm);
  verbs_unlock(domain);
  if (error != 0) {
    free(listener);
    return error;
  }
  *opened = listener;
  return (int)listener->id;
}

int shim_listener_port(struct shim_listener *listener) {
  return (int)ntohs(rdma_get_src_port(listener->cm));
}

static bool is_any(const union verbs_address *address) {
  return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr)
                                            : address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

int shim_listener_host(struct shim_listener *listener, char *host, uint32_t capacity) {
  const struct shim_domain *domain = listener->domain;
  union verbs_address address;
  memset(&address, 0, sizeof address);
  const struct sockaddr *bound = rdma_get_local_addr(listener->cm);
  memcpy(&address, bound, bound->sa_family == AF_INET6 ? sizeof address.v6 : sizeof address.v4);
  if (is_any(&address) && domain->address_count > 0)
    address = domain->addresses[0];
  if (capacity == 0)
    return 0;
  host[0] = '\0';
  if (!is_any(&address))
    verbs_format_address(&address, host, capacity);
  return (int)strlen(host);
}

int shim_listener_close(struct shim_listener *listener) {
  struct shim_domain *domain = listener->domain;
  verbs_lock(domain);
  shim_list_remove(&listener->link);
  verbs_requests_orphan(listener);
  (void)rdma_destroy_id(listener->cm);
  verbs_unlock(domain);
  free(listener);
  return 0;
}
