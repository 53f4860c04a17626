/* SPDX-License-Identifier: BSD-3-Clause */
/* FI_EP_RDM: the numbers under which peers speak to connections. A number is given again as late as possible. */
#include "internal.h"
#include "prepared.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 64u

static int grow(struct shim_domain *domain) {
  uint32_t capacity = domain->slot_capacity == 0 ? FIRST_SLOTS : domain->slot_capacity * 2u;
  if (capacity > FABRIC_MOST_SLOTS)
    return shim_fail(ENOBUFS,
                     "a libfabric domain with FI_EP_RDM endpoints has %u connections, and no more are possible; open "
                     "another one",
                     FABRIC_MOST_SLOTS);
  struct shim_endpoint **grown = realloc(domain->slots, capacity * sizeof(struct shim_endpoint *));
  if (grown == NULL)
    return shim_fail(ENOMEM, "no memory for %u connections", capacity);
  for (uint32_t i = domain->slot_capacity; i < capacity; i++)
    grown[i] = NULL;
  domain->slots = grown;
  domain->last_slot = domain->slot_capacity == 0 ? 0 : domain->slot_capacity - 1u;
  domain->slot_capacity = capacity;
  return 0;
}

static bool find(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  for (uint32_t i = 0; i < domain->slot_capacity; i++) {
    uint32_t slot = (domain->last_slot + 1u + i) % domain->slot_capacity;
    if (domain->slots[slot] != NULL)
      continue;
    domain->slots[slot] = endpoint;
    domain->last_slot = slot;
    endpoint->slot = slot;
    return true;
  }
  return false;
}

int fabric_slot_take(struct shim_endpoint *endpoint) {
  int error = 0;
  while (error == 0 && !find(endpoint))
    error = grow(endpoint->domain);
  return error;
}

void fabric_slot_give(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  if (endpoint->slot < domain->slot_capacity && domain->slots[endpoint->slot] == endpoint)
    domain->slots[endpoint->slot] = NULL;
}
