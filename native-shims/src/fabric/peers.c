/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FI_EP_RDM: addresses of peers. Several connections may lead to one peer, and providers differ in what inserting an
 * address twice and removing it once means: each is inserted once, and removed with its last connection.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fabric_peer {
  struct shim_list link;
  fi_addr_t address;
  uint32_t users;
  uint32_t name_bytes;
  uint8_t name[FABRIC_NAME_BYTES];
};

static struct fabric_peer *find(const struct shim_domain *domain, const uint8_t *name, uint32_t bytes) {
  for (struct shim_list *node = domain->peers.next; node != &domain->peers; node = node->next) {
    struct fabric_peer *peer = SHIM_CONTAINER(node, struct fabric_peer, link);
    if (peer->name_bytes == bytes && memcmp(peer->name, name, bytes) == 0)
      return peer;
  }
  return NULL;
}

static struct fabric_peer *add(struct shim_domain *domain, const uint8_t *name, uint32_t bytes) {
  struct fabric_peer *peer = calloc(1, sizeof *peer);
  if (peer == NULL) {
    (void)shim_fail(ENOMEM, "no memory for a peer");
    return NULL;
  }
  memcpy(peer->name, name, bytes);
  peer->name_bytes = bytes;
  int answer = fi_av_insert(domain->av, peer->name, 1, &peer->address, 0, NULL);
  if (answer != 1) {
    (void)fabric_fail(domain, "fi_av_insert", answer < 0 ? answer : -FI_EINVAL, "connecting");
    free(peer);
    return NULL;
  }
  shim_list_append(&domain->peers, &peer->link);
  return peer;
}

int fabric_peer_take(struct shim_endpoint *endpoint, const uint8_t *name, uint32_t bytes) {
  struct shim_domain *domain = endpoint->domain;
  struct fabric_peer *peer = find(domain, name, bytes);
  if (peer == NULL)
    peer = add(domain, name, bytes);
  if (peer == NULL)
    return -EIO;
  peer->users++;
  endpoint->peer_entry = peer;
  endpoint->address = peer->address;
  return 0;
}

void fabric_peer_give(struct shim_endpoint *endpoint) {
  struct fabric_peer *peer = endpoint->peer_entry;
  if (peer == NULL)
    return;
  endpoint->peer_entry = NULL;
  endpoint->address = FI_ADDR_UNSPEC;
  if (--peer->users > 0)
    return;
  (void)fi_av_remove(endpoint->domain->av, &peer->address, 1, 0);
  shim_list_remove(&peer->link);
  free(peer);
}
