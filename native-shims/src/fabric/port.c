/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports: a libfabric endpoint and its completion queue. */
#include "internal.h"

#include <string.h>

#define FEWEST_COMPLETIONS 64u

static int open_queue(struct fabric_port *port, uint32_t completions) {
  struct fi_cq_attr attributes = {.size = completions < FEWEST_COMPLETIONS ? FEWEST_COMPLETIONS : completions,
                                  .format = FI_CQ_FORMAT_DATA};
  int answer = fabric_port_open_queue(port, &attributes);
  return answer == 0 ? 0 : fabric_fail(port->domain, "fi_cq_open", answer, "cannot open a completion queue");
}

int fabric_port_open(struct fabric_port *port, struct shim_domain *domain, struct fi_info *info, uint32_t completions) {
  port->domain = domain;
  int error = open_queue(port, completions);
  if (error != 0)
    return error;
  int answer = fi_endpoint(domain->domain, info, &port->ep, NULL);
  if (answer != 0)
    return fabric_fail(domain, "fi_endpoint", answer, "cannot open an endpoint");
  answer = fi_ep_bind(port->ep, &port->cq->fid, FI_TRANSMIT | FI_RECV);
  if (answer == 0)
    answer = domain->is_rdm ? fi_ep_bind(port->ep, &domain->av->fid, 0) : fi_ep_bind(port->ep, &domain->eq->fid, 0);
  if (answer == 0)
    answer = fi_enable(port->ep);
  if (answer == -FI_EINVAL && strstr(domain->options.provider, "ofi_rxm") != NULL)
    return fabric_fail(domain, "fi_enable", answer,
                       "cannot enable an endpoint (a device with small completion queues wants FI_UNIVERSE_SIZE=64 or "
                       "less in the environment)");
  if (answer != 0)
    return fabric_fail(domain, "fi_enable", answer, "cannot enable an endpoint");
  shim_list_append(&domain->ports, &port->link);
  fabric_port_touch(port);
  return 0;
}

void fabric_port_close(struct fabric_port *port) {
  if (port->domain == NULL)
    return;
  fabric_port_unwatch(port);
  shim_list_remove(&port->link);
  shim_list_remove(&port->busy);
  if (port->ep != NULL)
    (void)fi_close(&port->ep->fid);
  if (port->cq != NULL)
    (void)fi_close(&port->cq->fid);
  port->ep = NULL;
  port->cq = NULL;
  port->domain = NULL;
}
