/* SPDX-License-Identifier: BSD-3-Clause */
/* Network addresses, of the TCP connections and of providers whose names are such addresses. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DISCARD_PORT 9u /* any will do: nothing is sent */

int fabric_lookup(const char *host, uint32_t port, bool passive, union fabric_address *address) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
  struct addrinfo *found = NULL;
  const char *wanted = host != NULL && host[0] != '\0' ? host : "127.0.0.1";
  int error = getaddrinfo(wanted, "0", &hints, &found);
  if (error != 0)
    return shim_fail(EADDRNOTAVAIL, "cannot find the address of \"%s\" (getaddrinfo: %s)", wanted, gai_strerror(error));
  memset(address, 0, sizeof *address);
  memcpy(address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  fabric_set_port(address, port);
  return 0;
}

socklen_t fabric_address_bytes(const union fabric_address *address) {
  return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

void fabric_format_address(const union fabric_address *address, char *text, uint32_t bytes) {
  if (getnameinfo(&address->any, fabric_address_bytes(address), text, bytes, NULL, 0, NI_NUMERICHOST) != 0)
    (void)snprintf(text, bytes, "unknown");
}

uint32_t fabric_address_port(const union fabric_address *address) {
  return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void fabric_set_port(union fabric_address *address, uint32_t port) {
  if (address->any.sa_family == AF_INET6)
    address->v6.sin6_port = htons((uint16_t)port);
  else
    address->v4.sin_port = htons((uint16_t)port);
}

bool fabric_is_wildcard(const union fabric_address *address) {
  if (address->any.sa_family == AF_INET6)
    return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
  return address->v4.sin_addr.s_addr == INADDR_ANY;
}

int fabric_source_for(const char *host, union fabric_address *source) {
  union fabric_address peer;
  int error = fabric_lookup(host, DISCARD_PORT, false, &peer);
  if (error != 0)
    return error;
  int fd = socket(peer.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return shim_fail(errno, "cannot find the way to %s (socket: %s)", host, shim_errno_name(errno));
  memset(source, 0, sizeof *source);
  socklen_t bytes = sizeof source->storage;
  error = connect(fd, &peer.any, fabric_address_bytes(&peer)) != 0 || getsockname(fd, &source->any, &bytes) != 0 ? errno
                                                                                                                 : 0;
  (void)close(fd);
  if (error != 0)
    return shim_fail(error, "there is no way to %s from this host (connect: %s)", host, shim_errno_name(error));
  fabric_set_port(source, 0);
  return 0;
}

bool fabric_own_address(union fabric_address *address) {
  struct ifaddrs *all = NULL;
  const struct ifaddrs *best = NULL;
  if (getifaddrs(&all) != 0)
    return false;
  for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
    if (one->ifa_addr == NULL || one->ifa_addr->sa_family != address->any.sa_family || (one->ifa_flags & IFF_UP) == 0)
      continue;
    bool reachable = (one->ifa_flags & IFF_LOOPBACK) == 0;
    if (best == NULL || (reachable && (best->ifa_flags & IFF_LOOPBACK) != 0))
      best = one;
  }
  bool found = best != NULL;
  if (found) {
    uint32_t port = fabric_address_port(address);
    memcpy(&address->storage, best->ifa_addr, fabric_address_bytes(address));
    fabric_set_port(address, port);
  }
  freeifaddrs(all);
  return found;
}

void fabric_complete_name(uint8_t *name, uint32_t bytes, const union fabric_address *host) {
  union fabric_address address;
  memset(&address, 0, sizeof address);
  memcpy(&address, name, bytes < sizeof address ? bytes : sizeof address);
  bool known = (address.any.sa_family == AF_INET && bytes >= sizeof address.v4) ||
               (address.any.sa_family == AF_INET6 && bytes >= sizeof address.v6);
  if (!known || !fabric_is_wildcard(&address) || address.any.sa_family != host->any.sa_family)
    return;
  if (address.any.sa_family == AF_INET6) {
    address.v6.sin6_addr = host->v6.sin6_addr;
    address.v6.sin6_scope_id = host->v6.sin6_scope_id;
  } else {
    address.v4.sin_addr = host->v4.sin_addr;
  }
  memcpy(name, &address, fabric_address_bytes(&address));
}
