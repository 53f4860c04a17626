/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports: a libfabric endpoint, its completion queue, and the descriptor to sleep on where there is one. */
#include "internal.h"

#include <errno.h>
#include <sys/epoll.h>

#define FEWEST_COMPLETIONS 64u

static int open_queue(struct fabric_port *port, uint32_t completions) {
  struct shim_domain *domain = port->domain;
  struct fi_cq_attr attributes = {.size = completions < FEWEST_COMPLETIONS ? FEWEST_COMPLETIONS : completions,
                                  .format = FI_CQ_FORMAT_DATA,
                                  .wait_obj = FI_WAIT_FD};
  int answer = fi_cq_open(domain->domain, &attributes, &port->cq, NULL);
  if (answer == 0 && fi_control(&port->cq->fid, FI_GETWAIT, &port->wait_fd) != 0) {
    (void)fi_close(&port->cq->fid);
    answer = -FI_ENOSYS;
  }
  if (answer != 0) {
    /* A provider without descriptors is polled from time to time. */
    attributes.wait_obj = FI_WAIT_NONE;
    port->wait_fd = -1;
    answer = fi_cq_open(domain->domain, &attributes, &port->cq, NULL);
  }
  if (answer != 0) {
    port->cq = NULL;
    return fabric_fail(domain, "fi_cq_open", answer, "cannot open a completion queue");
  }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = port};
  if (port->wait_fd >= 0 && epoll_ctl(domain->ports_epoll, EPOLL_CTL_ADD, port->wait_fd, &event) != 0)
    return shim_fail(errno, "cannot watch a completion queue (epoll_ctl: %s)", shim_errno_name(errno));
  return 0;
}

int fabric_port_open(struct fabric_port *port, struct shim_domain *domain, struct fi_info *info, uint32_t completions) {
  port->domain = domain;
  port->wait_fd = -1;
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
  if (answer != 0)
    return fabric_fail(domain, "fi_enable", answer, "cannot enable an endpoint");
  shim_list_append(&domain->ports, &port->link);
  fabric_port_touch(port);
  return 0;
}

void fabric_port_close(struct fabric_port *port) {
  if (port->domain == NULL)
    return;
  shim_list_remove(&port->link);
  shim_list_remove(&port->busy);
  if (port->wait_fd >= 0)
    (void)epoll_ctl(port->domain->ports_epoll, EPOLL_CTL_DEL, port->wait_fd, NULL);
  if (port->ep != NULL)
    (void)fi_close(&port->ep->fid);
  if (port->cq != NULL)
    (void)fi_close(&port->cq->fid);
  port->ep = NULL;
  port->cq = NULL;
  port->wait_fd = -1;
  port->domain = NULL;
}
