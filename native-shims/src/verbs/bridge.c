/* SPDX-License-Identifier: BSD-3-Clause */
/* The bridge: one thread a domain that sleeps in epoll and takes the events of rdma_cm and of watched channels. */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "../common/glibc-compat.h"
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_BYTES (256u * 1024u)
#define BATCH 32
#define LONGEST_SLEEP 60000u

/* What woke the bridge; below these an event names a completion queue by its id. */
#define CONTROL (UINT64_C(1) << 32)
#define CONNECTIONS (UINT64_C(2) << 32)

static struct shim_endpoint *find_endpoint(struct shim_domain *domain, uint32_t id) {
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next) {
    struct shim_endpoint *endpoint = SHIM_CONTAINER(node, struct shim_endpoint, link);
    if (endpoint->id == id)
      return endpoint;
  }
  return NULL;
}

static void established_event(struct shim_endpoint *endpoint, const struct verbs_cm_event *event) {
  switch (event->type) {
  case RDMA_CM_EVENT_ESTABLISHED:
    verbs_peer_is_ready(endpoint);
    break;
  case RDMA_CM_EVENT_DISCONNECTED:
    verbs_peer_left(endpoint);
    break;
  case RDMA_CM_EVENT_DEVICE_REMOVAL:
    verbs_endpoint_end(endpoint, SHIM_PEER_DIED, "the RDMA device was removed");
    break;
  case RDMA_CM_EVENT_UNREACHABLE:
  case RDMA_CM_EVENT_CONNECT_ERROR:
  case RDMA_CM_EVENT_REJECTED:
    verbs_endpoint_end(endpoint, SHIM_PEER_DIED, "%s port %u left before the connection was complete (%s)",
                       endpoint->peer, endpoint->peer_port, rdma_event_str(event->type));
    break;
  default: /* a change of address, the end of a waiting time: nothing to do */
    break;
  }
}

static void handle(struct shim_domain *domain, const struct verbs_cm_event *event) {
  if (event->type == RDMA_CM_EVENT_CONNECT_REQUEST) {
    verbs_request_arrived(domain, event);
    return;
  }
  struct shim_endpoint *endpoint = find_endpoint(domain, event->owner_id);
  int32_t state = endpoint == NULL ? SHIM_DISCONNECTED : endpoint->state;
  if (endpoint == NULL)
    verbs_request_gone(domain, event->owner_id);
  else if (state == SHIM_CONNECTING)
    verbs_connect_step(endpoint, event);
  else if (state == SHIM_ESTABLISHED)
    established_event(endpoint, event);
  else if (event->type == RDMA_CM_EVENT_DISCONNECTED && endpoint->cm != NULL)
    /* The answer to the peer's goodbye, where both say it. */
    (void)rdma_disconnect(endpoint->cm);
}

/* Takes one event: copied and acknowledged without the lock, since who holds it may wait for the acknowledgement. */
static bool take(struct shim_domain *domain, struct verbs_cm_event *copy) {
  struct rdma_cm_event *event;
  if (rdma_get_cm_event(domain->channel, &event) != 0)
    return false;
  memset(copy, 0, sizeof *copy);
  copy->type = event->event;
  copy->status = event->status;
  copy->cm = event->id;
  const struct rdma_cm_id *owner = event->event == RDMA_CM_EVENT_CONNECT_REQUEST ? event->listen_id : event->id;
  copy->owner_id = (uint32_t)(uintptr_t)owner->context;
  copy->private_bytes = event->param.conn.private_data == NULL ? 0 : event->param.conn.private_data_len;
  if (copy->private_bytes > 0)
    memcpy(copy->private_data, event->param.conn.private_data, copy->private_bytes);
  copy->initiator_depth = event->param.conn.initiator_depth;
  copy->responder_resources = event->param.conn.responder_resources;
  (void)rdma_ack_cm_event(event);
  return true;
}

static void dispatch(struct shim_domain *domain, uint64_t source) {
  struct verbs_cm_event event;
  uint64_t count;
  ssize_t bytes;
  switch (source) {
  case CONTROL:
    bytes = read(domain->control, &count, sizeof count);
    (void)bytes;
    break;
  case CONNECTIONS:
    while (take(domain, &event)) {
      verbs_lock(domain);
      handle(domain, &event);
      verbs_unlock(domain);
    }
    break;
  default:
    verbs_lock(domain);
    verbs_channel_readable(domain, (uint32_t)source);
    verbs_unlock(domain);
    break;
  }
}

/* Lets what took too long fail and returns how many milliseconds may be slept; -1: any time. */
static int expire(struct shim_domain *domain) {
  uint64_t deadline = VERBS_NO_DEADLINE;
  uint64_t now = shim_now();
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next) {
    struct shim_endpoint *endpoint = SHIM_CONTAINER(node, struct shim_endpoint, link);
    if (endpoint->deadline <= now)
      verbs_connect_expired(endpoint);
    else if (endpoint->deadline < deadline)
      deadline = endpoint->deadline;
  }
  if (deadline == VERBS_NO_DEADLINE)
    return -1;
  uint64_t milliseconds = (deadline - now) / SHIM_NANOSECONDS_PER_MILLISECOND + 1u;
  return milliseconds > LONGEST_SLEEP ? (int)LONGEST_SLEEP : (int)milliseconds;
}

static void *run(void *argument) {
  struct shim_domain *domain = argument;
  struct epoll_event events[BATCH];
  (void)prctl(PR_SET_NAME, "rdmalib-verbs");
  verbs_lock(domain);
  while (!domain->stopping) {
    int timeout = expire(domain);
    verbs_unlock(domain);
    int count = epoll_wait(domain->epoll, events, BATCH, timeout);
    for (int i = 0; i < count; i++)
      dispatch(domain, events[i].data.u64);
    verbs_lock(domain);
  }
  verbs_unlock(domain);
  return NULL;
}

static int create_thread(struct shim_domain *domain) {
  pthread_attr_t attributes;
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
  int error = pthread_create(&domain->bridge, &attributes, run, domain);
  /* A process with much thread-local storage needs more than a small stack. */
  if (error == EINVAL)
    error = pthread_create(&domain->bridge, NULL, run, domain);
  (void)pthread_attr_destroy(&attributes);
  return error;
}

int verbs_bridge_start(struct shim_domain *domain) {
  struct epoll_event control = {.events = EPOLLIN, .data.u64 = CONTROL};
  struct epoll_event connections = {.events = EPOLLIN, .data.u64 = CONNECTIONS};
  if (epoll_ctl(domain->epoll, EPOLL_CTL_ADD, domain->control, &control) != 0 ||
      epoll_ctl(domain->epoll, EPOLL_CTL_ADD, domain->channel->fd, &connections) != 0)
    return shim_fail(errno, "cannot watch rdma_cm's events (epoll_ctl: %s)", shim_errno_name(errno));
  sigset_t all;
  sigset_t previous;
  (void)sigfillset(&all);
  (void)sigprocmask(SIG_SETMASK, &all, &previous);
  int error = create_thread(domain);
  (void)sigprocmask(SIG_SETMASK, &previous, NULL);
  if (error != 0)
    return shim_fail(error, "cannot start the bridge thread of a verbs domain (pthread_create: %s)",
                     shim_errno_name(error));
  return 0;
}

void verbs_bridge_kick(struct shim_domain *domain) {
  uint64_t one = 1;
  /* Only a full counter could refuse, and that one wakes too. */
  ssize_t written = write(domain->control, &one, sizeof one);
  (void)written;
}

void verbs_bridge_stop(struct shim_domain *domain) {
  verbs_lock(domain);
  domain->stopping = true;
  verbs_bridge_kick(domain);
  verbs_unlock(domain);
  (void)pthread_join(domain->bridge, NULL);
}
