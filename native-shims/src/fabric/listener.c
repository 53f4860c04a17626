/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BACKLOG 4096u
#define ACCEPTS_AT_ONCE 64

struct shim_listener *fabric_find_listener(struct shim_domain *domain, uint32_t id) {
  for (struct shim_list *node = domain->listeners.next; node != &domain->listeners; node = node->next) {
    struct shim_listener *listener = SHIM_CONTAINER(node, struct shim_listener, link);
    if (listener->id == id)
      return listener;
  }
  return NULL;
}

static int cannot_listen(const union fabric_address *address, int error) {
  char text[SHIM_ADDRESS_BYTES];
  fabric_format_address(address, text, sizeof text);
  const char *help = error == EADDRINUSE      ? "; choose another port, or 0 for any free one"
                     : error == EADDRNOTAVAIL ? "; no network device here has this address"
                                              : "";
  return shim_fail(error, "cannot listen on %s port %u (%s)%s", text, fabric_address_port(address),
                   shim_errno_name(error), help);
}

static int open_socket(struct shim_listener *listener, union fabric_address *address, uint32_t backlog) {
  int on = 1;
  socklen_t bytes = sizeof address->storage;
  listener->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener->fd < 0)
    return cannot_listen(address, errno);
  (void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  uint32_t waiting = backlog == 0 ? 1u : backlog > MAX_BACKLOG ? MAX_BACKLOG : backlog;
  if (bind(listener->fd, &address->any, fabric_address_bytes(address)) != 0 ||
      listen(listener->fd, (int)waiting) != 0 || getsockname(listener->fd, &address->any, &bytes) != 0)
    return cannot_listen(address, errno);
  listener->address = *address;
  return 0;
}

static int open_listener(struct shim_listener *listener, union fabric_address *address, uint32_t backlog) {
  struct shim_domain *domain = listener->domain;
  int error = open_socket(listener, address, backlog);
  if (error == 0 && !domain->is_rdm)
    error = fabric_passive_for(domain, address, &listener->passive);
  if (error == 0)
    error = fabric_watch_add(domain, listener->fd, EPOLLIN, &listener->watch);
  return error;
}

/* Without a host: the own address on the way to where the domain was opened for, whose peers are to connect back. */
static int find_address(struct shim_domain *domain, const char *host, union fabric_address *address) {
  const struct fabric_options *options = &domain->options;
  bool is_told = host != NULL && host[0] != '\0';
  if (!is_told && options->source[0] == '\0' && options->route[0] != '\0')
    return fabric_source_for(options->route, address);
  return fabric_lookup(is_told ? host : options->source, 0, true, address);
}

int shim_listener_open(struct shim_domain *domain, const char *host, uint32_t port, uint32_t backlog,
                       struct shim_listener **opened) {
  union fabric_address address;
  if (port > UINT16_MAX)
    return shim_fail(EINVAL, "cannot listen on port %u: ports end at 65535", port);
  int error = find_address(domain, host, &address);
  if (error != 0)
    return error;
  fabric_set_port(&address, port);
  struct shim_listener *listener = calloc(1, sizeof *listener);
  if (listener == NULL)
    return shim_fail(ENOMEM, "no memory for a listener");
  listener->watch.kind = FABRIC_LISTENER;
  listener->domain = domain;
  listener->id = fabric_next_id();
  listener->fd = -1;
  shim_list_init(&listener->link);
  fabric_lock(domain);
  error = open_listener(listener, &address, backlog);
  if (error == 0)
    shim_list_append(&domain->listeners, &listener->link);
  fabric_unlock(domain);
  if (error != 0) {
    if (listener->fd >= 0)
      (void)close(listener->fd);
    free(listener);
    return error;
  }
  *opened = listener;
  return (int)listener->id;
}

int shim_listener_port(struct shim_listener *listener) {
  return (int)fabric_address_port(&listener->address);
}

int shim_listener_host(struct shim_listener *listener, char *host, uint32_t capacity) {
  union fabric_address address = listener->address;
  if (capacity == 0)
    return 0;
  if (fabric_is_wildcard(&address) && !fabric_own_address(&address))
    host[0] = '\0';
  else
    fabric_format_address(&address, host, capacity);
  return (int)strlen(host);
}

static void greet(struct shim_listener *listener, int fd, const union fabric_address *peer) {
  struct shim_domain *domain = listener->domain;
  struct fabric_link *link = fabric_link_open(domain, fd, FABRIC_LINK_GREETS);
  if (link == NULL) {
    (void)close(fd);
    return;
  }
  link->listener_id = listener->id;
  link->peer = *peer;
  link->deadline = shim_now() + (uint64_t)domain->options.handshake_ms * SHIM_NANOSECONDS_PER_MILLISECOND;
  fabric_random(link->token, sizeof link->token);
  struct fabric_greeting greeting = {
      .version = FABRIC_LINK_VERSION, .is_rdm = domain->is_rdm, .address_format = domain->info->addr_format};
  memcpy(greeting.token, link->token, sizeof greeting.token);
  strncpy(greeting.provider, domain->info->fabric_attr->prov_name, sizeof greeting.provider - 1u);
  size_t name_bytes = sizeof greeting.name;
  if (domain->is_rdm) {
    if (fi_getname(&domain->port.ep->fid, greeting.name, &name_bytes) != 0)
      name_bytes = 0;
  } else {
    name_bytes = listener->passive->name_bytes;
    memcpy(greeting.name, listener->passive->name, name_bytes);
  }
  greeting.name_bytes = (uint32_t)name_bytes;
  fabric_link_send(link, FABRIC_GREETING, &greeting, sizeof greeting);
}

void fabric_listener_ready(struct shim_listener *listener) {
  for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
    union fabric_address peer;
    socklen_t bytes = sizeof peer.storage;
    memset(&peer, 0, sizeof peer);
    int fd = accept4(listener->fd, &peer.any, &bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);
    /* Descriptors that are exhausted: it waits in the backlog until some are free. */
    if (fd < 0)
      return;
    greet(listener, fd, &peer);
  }
}

/* Requests that nobody took yet, and connections that have not become requests. */
static void orphan(struct shim_listener *listener) {
  struct shim_domain *domain = listener->domain;
  for (struct shim_list *node = domain->requests.next, *next; node != &domain->requests; node = next) {
    struct shim_request *request = SHIM_CONTAINER(node, struct shim_request, link);
    next = node->next;
    if (request->listener_id == listener->id && !shim_list_is_empty(&request->arrival.link))
      fabric_request_free(request, true, NULL, 0);
  }
  for (struct shim_list *node = domain->links.next, *next; node != &domain->links; node = next) {
    struct fabric_link *link = SHIM_CONTAINER(node, struct fabric_link, link);
    next = node->next;
    if (link->listener_id == listener->id && (link->state == FABRIC_LINK_GREETS || link->state == FABRIC_LINK_HEARD))
      fabric_link_refuse(link, NULL, 0);
  }
}

int shim_listener_close(struct shim_listener *listener) {
  struct shim_domain *domain = listener->domain;
  fabric_lock(domain);
  shim_list_remove(&listener->link);
  orphan(listener);
  (void)close(listener->fd);
  listener->fd = -1;
  shim_list_append(&domain->closed_listeners, &listener->link); /* the bridge may have taken an event about it */
  fabric_bridge_kick(domain);
  fabric_unlock(domain);
  return 0;
}
