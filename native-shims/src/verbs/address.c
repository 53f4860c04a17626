/* SPDX-License-Identifier: BSD-3-Clause */
/* Network addresses: of peers by name, and the own ones of a device. */
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define ROUTE_MILLISECONDS 2000

int verbs_lookup(const char *host, uint32_t port, bool passive, union verbs_address *address) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
  struct addrinfo *found = NULL;
  int error = getaddrinfo(host, "0", &hints, &found);
  if (error != 0)
    return shim_fail(EADDRNOTAVAIL, "cannot find the address of \"%s\" (getaddrinfo: %s)", host, gai_strerror(error));
  memset(address, 0, sizeof *address);
  memcpy(address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  verbs_set_port(address, port);
  return 0;
}

socklen_t verbs_address_bytes(const union verbs_address *address) {
  return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

void verbs_format_address(const union verbs_address *address, char *text, uint32_t bytes) {
  if (getnameinfo(&address->any, verbs_address_bytes(address), text, bytes, NULL, 0, NI_NUMERICHOST) != 0)
    (void)snprintf(text, bytes, "unknown");
}

uint32_t verbs_address_port(const union verbs_address *address) {
  return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void verbs_set_port(union verbs_address *address, uint32_t port) {
  if (address->any.sa_family == AF_INET6)
    address->v6.sin6_port = htons((uint16_t)port);
  else
    address->v4.sin_port = htons((uint16_t)port);
}

static const uint8_t *address_bytes(const union verbs_address *address, uint32_t *bytes) {
  bool v6 = address->any.sa_family == AF_INET6;
  *bytes = v6 ? 16u : 4u;
  return v6 ? address->v6.sin6_addr.s6_addr : (const uint8_t *)&address->v4.sin_addr;
}

static uint32_t common_bits(const union verbs_address *a, const union verbs_address *b) {
  uint32_t bytes;
  const uint8_t *left = address_bytes(a, &bytes);
  const uint8_t *right = address_bytes(b, &bytes);
  uint32_t bits = 0;
  while (bits < bytes * 8u && ((left[bits / 8u] ^ right[bits / 8u]) & (0x80u >> bits % 8u)) == 0)
    bits++;
  return bits;
}

const union verbs_address *verbs_source_for(const struct shim_domain *domain, const union verbs_address *peer) {
  const union verbs_address *best = NULL;
  uint32_t best_bits = 0;
  for (uint32_t i = 0; i < domain->address_count; i++) {
    const union verbs_address *own = &domain->addresses[i];
    if (own->any.sa_family != peer->any.sa_family)
      continue;
    uint32_t bits = common_bits(own, peer);
    if (best == NULL || bits > best_bits) {
      best = own;
      best_bits = bits;
    }
  }
  return best;
}

/* rdma_cm knows which device an own address belongs to; it says so when an id is bound to it. */
static bool is_of_device(struct shim_domain *domain, union verbs_address *address) {
  struct rdma_cm_id *cm = NULL;
  if (rdma_create_id(domain->channel, &cm, NULL, RDMA_PS_TCP) != 0)
    return false;
  bool is = rdma_bind_addr(cm, &address->any) == 0 && cm->verbs == domain->context;
  (void)rdma_destroy_id(cm);
  return is;
}

static bool is_link_local(const union verbs_address *address) {
  return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr);
}

static void add_addresses(struct shim_domain *domain, const struct ifaddrs *all, int family, bool link_local) {
  for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next) {
    if (each->ifa_addr == NULL || each->ifa_addr->sa_family != family || (each->ifa_flags & IFF_LOOPBACK) != 0 ||
        domain->address_count == VERBS_MAX_ADDRESSES)
      continue;
    union verbs_address *address = &domain->addresses[domain->address_count];
    memset(address, 0, sizeof *address);
    memcpy(address, each->ifa_addr, family == AF_INET ? sizeof address->v4 : sizeof address->v6);
    if (is_link_local(address) == link_local && is_of_device(domain, address))
      domain->address_count++;
  }
}

void verbs_find_addresses(struct shim_domain *domain) {
  struct ifaddrs *all = NULL;
  domain->address_count = 0;
  if (getifaddrs(&all) != 0)
    return;
  add_addresses(domain, all, AF_INET, false);
  add_addresses(domain, all, AF_INET6, false);
  add_addresses(domain, all, AF_INET6, true);
  freeifaddrs(all);
}

int verbs_device_of(const char *host, bool own, char *device, uint32_t bytes) {
  union verbs_address address;
  int error = verbs_lookup(host, 0, own, &address);
  if (error != 0)
    return error;
  struct rdma_cm_id *cm = NULL;
  /* No channel: the calls wait for their end. */
  if (rdma_create_id(NULL, &cm, NULL, RDMA_PS_TCP) != 0)
    return shim_fail(errno, "cannot ask rdma_cm for the device of %s (%s)", host, shim_errno_name(errno));
  int failed = own ? rdma_bind_addr(cm, &address.any) : rdma_resolve_addr(cm, NULL, &address.any, ROUTE_MILLISECONDS);
  if (failed != 0)
    error = shim_fail(errno,
                      "no RDMA device %s %s (%s); \"rdma link\" and \"ip addr\" show which has which address, and "
                      "device=NAME names one",
                      own ? "has the address" : "is on the way to", host, shim_errno_name(errno));
  else if (cm->verbs == NULL)
    error = shim_fail(ENODEV, "the address %s belongs to no RDMA device", host);
  else
    (void)snprintf(device, bytes, "%s", ibv_get_device_name(cm->verbs->device));
  (void)rdma_destroy_id(cm);
  return error;
}
