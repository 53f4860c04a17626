/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a port can be slept on. Polling a queue that waits by an epoll takes longer, with every packet, than one that
 * waits by the descriptors themselves (FI_WAIT_POLLFD); those are told anew before each sleep, since they and what they
 * wait for may change. Where there are none, the port is polled from time to time.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define MOST_VAIN 8u
#define SETTLE_MS 1

/* The descriptors of now, and their number; false where they cannot be had. */
static bool descriptors_of(const struct fabric_port *port, struct pollfd waits[FABRIC_MOST_WAIT_FDS], uint32_t *count) {
  struct fid *fid = &port->cq->fid;
  memset(waits, 0, FABRIC_MOST_WAIT_FDS * sizeof waits[0]);
  if (port->waits_by == FI_WAIT_FD) {
    *count = 1;
    waits[0].events = POLLIN;
    return fi_control(fid, FI_GETWAIT, &waits[0].fd) == 0;
  }
  struct fi_wait_pollfd told = {.nfds = FABRIC_MOST_WAIT_FDS, .fd = waits};
  bool known = fi_control(fid, FI_GETWAIT, &told) == 0 && told.nfds <= FABRIC_MOST_WAIT_FDS;
  *count = known ? (uint32_t)told.nfds : 0;
  return known && told.nfds > 0;
}

/* The provider's own wait, for a moment: what was added to its descriptors or changed is told only after that, and a
 * signal of the change, which would wake a sleeper for ever, is taken back. */
static void settle(struct fabric_port *port) {
  struct fi_cq_data_entry entry;
  port->vain = 0;
  if (port->waits_by != FI_WAIT_POLLFD)
    return;
  ssize_t count = fi_cq_sread(port->cq, &entry, 1, NULL, SETTLE_MS);
  if (count > 0)
    fabric_port_take(port, &entry, count);
}

static int open_waiting_by(struct fabric_port *port, struct fi_cq_attr *attributes, enum fi_wait_obj waits_by) {
  struct pollfd waits[FABRIC_MOST_WAIT_FDS];
  uint32_t count;
  attributes->wait_obj = waits_by;
  port->waits_by = waits_by;
  int answer = fi_cq_open(port->domain->domain, attributes, &port->cq, NULL);
  if (answer == 0 && waits_by != FI_WAIT_NONE && !descriptors_of(port, waits, &count)) {
    (void)fi_close(&port->cq->fid);
    answer = -FI_ENOSYS;
  }
  if (answer != 0)
    port->cq = NULL;
  return answer;
}

int fabric_port_open_queue(struct fabric_port *port, struct fi_cq_attr *attributes) {
  if (strcmp(port->domain->options.wait, "poll") == 0)
    return open_waiting_by(port, attributes, FI_WAIT_NONE);
  /* Layered providers, which are datagram ones, wait for the epoll of the layer below in either way. */
  int answer = port->domain->is_rdm ? -FI_ENOSYS : open_waiting_by(port, attributes, FI_WAIT_POLLFD);
  if (answer != 0)
    answer = open_waiting_by(port, attributes, FI_WAIT_FD);
  if (answer != 0)
    answer = open_waiting_by(port, attributes, FI_WAIT_NONE);
  return answer;
}

static bool same(const struct fabric_port *port, const struct pollfd *waits, uint32_t count) {
  bool equal = count == port->wait_count;
  for (uint32_t i = 0; equal && i < count; i++)
    equal = waits[i].fd == port->waits[i].fd && waits[i].events == port->waits[i].events;
  return equal;
}

static bool add(struct fabric_port *port, const struct pollfd *wait) {
  /* The bits of poll and epoll are the same. */
  struct epoll_event event = {.events = (uint32_t)wait->events, .data.ptr = port};
  if (epoll_ctl(port->domain->ports_epoll, EPOLL_CTL_ADD, wait->fd, &event) != 0)
    return false;
  port->waits[port->wait_count++] = *wait;
  return true;
}

bool fabric_port_watch(struct fabric_port *port) {
  struct pollfd waits[FABRIC_MOST_WAIT_FDS];
  uint32_t count;
  port->looks = 0;
  if (port->waits_by == FI_WAIT_NONE || (port->watched && port->waits_by == FI_WAIT_FD))
    return port->watched;
  if (descriptors_of(port, waits, &count) && port->watched && same(port, waits, count))
    return true;
  fabric_port_unwatch(port);
  port->watched = count > 0;
  for (uint32_t i = 0; i < count && port->watched; i++)
    if (!add(port, &waits[i]))
      fabric_port_unwatch(port);
  return port->watched;
}

void fabric_port_unwatch(struct fabric_port *port) {
  if (!port->watched)
    return;
  for (uint32_t i = 0; i < port->wait_count; i++)
    (void)epoll_ctl(port->domain->ports_epoll, EPOLL_CTL_DEL, port->waits[i].fd, NULL);
  port->wait_count = 0;
  port->watched = false;
  port->looks = 0;
  fabric_port_touch(port);
}

bool fabric_port_is_quiet(struct fabric_port *port) {
  struct fid *fid = &port->cq->fid;
  if (!port->watched || fi_trywait(port->domain->fabric, &fid, 1) != FI_SUCCESS)
    return false;
  if (++port->vain > MOST_VAIN)
    settle(port);
  return fabric_port_watch(port);
}
