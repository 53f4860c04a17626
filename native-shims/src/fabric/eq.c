/* SPDX-License-Identifier: BSD-3-Clause */
/* FI_EP_MSG: libfabric's connection events, and the passive endpoints where they begin. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool same_host(const union fabric_address *a, const union fabric_address *b) {
  if (a->any.sa_family != b->any.sa_family)
    return false;
  return a->any.sa_family == AF_INET6 ? memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0
                                      : a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

/* The domain's info, at an own address. */
static struct fi_info *info_at(const struct shim_domain *domain, const union fabric_address *host) {
  struct fi_info *info = fi_dupinfo(domain->info);
  if (info == NULL || !domain->ip)
    return info;
  socklen_t bytes = fabric_address_bytes(host);
  free(info->src_addr);
  info->src_addr = malloc(bytes);
  info->src_addrlen = info->src_addr != NULL ? bytes : 0;
  if (info->src_addr != NULL)
    memcpy(info->src_addr, host, bytes);
  info->addr_format = host->any.sa_family == AF_INET6 ? FI_SOCKADDR_IN6 : FI_SOCKADDR_IN;
  return info;
}

static int open_passive(struct shim_domain *domain, struct fabric_passive *passive) {
  struct fi_info *info = info_at(domain, &passive->host);
  if (info == NULL)
    return shim_fail(ENOMEM, "no memory for a listener");
  int answer = fi_passive_ep(domain->fabric, info, &passive->pep, NULL);
  fi_freeinfo(info);
  if (answer != 0)
    return fabric_fail(domain, "fi_passive_ep", answer, "cannot listen");
  answer = fi_pep_bind(passive->pep, &domain->eq->fid, 0);
  if (answer == 0)
    answer = fi_listen(passive->pep);
  size_t bytes = sizeof passive->name;
  if (answer == 0)
    answer = fi_getname(&passive->pep->fid, passive->name, &bytes);
  passive->name_bytes = (uint32_t)bytes;
  if (answer != 0) {
    (void)fi_close(&passive->pep->fid);
    return fabric_fail(domain, "fi_listen", answer, "cannot listen");
  }
  return 0;
}

int fabric_passive_for(struct shim_domain *domain, const union fabric_address *host, struct fabric_passive **found) {
  for (struct shim_list *node = domain->passives.next; node != &domain->passives; node = node->next) {
    *found = SHIM_CONTAINER(node, struct fabric_passive, link);
    if (same_host(&(*found)->host, host))
      return 0;
  }
  struct fabric_passive *passive = calloc(1, sizeof *passive);
  if (passive == NULL)
    return shim_fail(ENOMEM, "no memory for a listener");
  passive->host = *host;
  fabric_set_port(&passive->host, 0);
  int error = open_passive(domain, passive);
  if (error != 0) {
    free(passive);
    return error;
  }
  shim_list_init(&passive->link);
  shim_list_append(&domain->passives, &passive->link);
  *found = passive;
  return 0;
}

/* Events name the endpoint by its fid: it may be closed already. */
static struct shim_endpoint *find(const struct shim_domain *domain, const struct fid *fid) {
  for (struct shim_list *node = domain->ports.next; node != &domain->ports; node = node->next) {
    const struct fabric_port *port = SHIM_CONTAINER(node, struct fabric_port, link);
    if (&port->ep->fid == fid)
      return port->endpoint;
  }
  return NULL;
}

static struct fid_pep *pep_of(const struct shim_domain *domain, const struct fid *fid) {
  for (struct shim_list *node = domain->passives.next; node != &domain->passives; node = node->next) {
    const struct fabric_passive *passive = SHIM_CONTAINER(node, struct fabric_passive, link);
    if (&passive->pep->fid == fid)
      return passive->pep;
  }
  return NULL;
}

static void failed(struct shim_domain *domain) {
  struct fi_eq_err_entry entry = {0};
  if (fi_eq_readerr(domain->eq, &entry, 0) < 0)
    return;
  struct shim_endpoint *endpoint = find(domain, entry.fid);
  if (endpoint == NULL)
    return;
  if (endpoint->state == SHIM_CONNECTING) {
    /* The listener's rejection comes over TCP and says why. */
    if (entry.err != FI_ECONNREFUSED)
      fabric_connect_failed(endpoint, entry.err, "libfabric cannot connect (%s)", fi_strerror(entry.err));
  } else {
    fabric_libfabric_ended(endpoint);
  }
}

static void happened(struct shim_domain *domain, uint32_t event, const struct fi_eq_cm_entry *entry, size_t data) {
  struct shim_endpoint *endpoint = event == FI_CONNREQ ? NULL : find(domain, entry->fid);
  if (event == FI_CONNREQ) {
    struct fid_pep *pep = pep_of(domain, entry->fid);
    if (pep != NULL)
      fabric_connection_came(domain, entry->info, pep, entry->data, data);
    else
      fi_freeinfo(entry->info);
  } else if (endpoint != NULL && event == FI_CONNECTED) {
    endpoint->connected = true;
    fabric_port_touch(endpoint->port);
    fabric_connect_step(endpoint);
  } else if (endpoint != NULL && event == FI_SHUTDOWN) {
    fabric_port_touch(endpoint->port);
    fabric_libfabric_ended(endpoint);
  }
}

void fabric_eq_read(struct shim_domain *domain) {
  union {
    struct fi_eq_cm_entry entry;
    uint8_t bytes[sizeof(struct fi_eq_cm_entry) + SHIM_MAX_PRIVATE_DATA];
  } buffer;
  struct fid *fid = &domain->eq->fid;
  do {
    for (;;) {
      uint32_t event = 0;
      ssize_t got = fi_eq_read(domain->eq, &event, &buffer, sizeof buffer, 0);
      if (got == -FI_EAVAIL) {
        failed(domain);
        continue;
      }
      if (got < (ssize_t)sizeof buffer.entry)
        break;
      happened(domain, event, &buffer.entry, (size_t)got - sizeof buffer.entry);
    }
  } while (fi_trywait(domain->fabric, &fid, 1) != FI_SUCCESS);
}
