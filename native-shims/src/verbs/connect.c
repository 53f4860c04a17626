/* SPDX-License-Identifier: BSD-3-Clause */
/* The connecting side: the owner starts, the bridge takes it from step to step as rdma_cm answers. */
#include "../common/clock.h"
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REJECTED_NO_LISTENER 8 /* the InfiniBand specification's reasons of a rejection */
#define REJECTED_BY_CONSUMER 28
#define LONGEST_STEP 60000u

void verbs_connect_failed(struct shim_endpoint *endpoint, int error, const char *format, ...) {
  char why[224];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(why, sizeof why, format, arguments);
  va_end(arguments);
  (void)snprintf(endpoint->outcome.text, sizeof endpoint->outcome.text, "connecting to %s port %u: %s", endpoint->peer,
                 endpoint->peer_port, why);
  (void)rdma_destroy_id(endpoint->cm);
  endpoint->cm = NULL;
  verbs_qp_fail(endpoint);
  verbs_settle(endpoint, SHIM_FAILED, SHIM_EVENT_FAILED, error);
}

void verbs_connect_expired(struct shim_endpoint *endpoint) {
  verbs_connect_failed(endpoint, ETIMEDOUT,
                       "no answer in time while %s; is the address right, and the "
                       "server running?",
                       endpoint->step);
}

static void fail_with_thread_text(struct shim_endpoint *endpoint, int error) {
  char text[SHIM_ERROR_TEXT_BYTES];
  (void)shim_copy_error_text(text, sizeof text);
  verbs_connect_failed(endpoint, error, "%s", text);
}

/* Milliseconds until the deadline, for one step. */
static int time_left(const struct shim_endpoint *endpoint) {
  uint64_t now = shim_now();
  uint64_t left = endpoint->deadline <= now ? 0 : (endpoint->deadline - now) / SHIM_NANOSECONDS_PER_MILLISECOND + 1u;
  return left > LONGEST_STEP ? (int)LONGEST_STEP : (int)left;
}

static void address_resolved(struct shim_endpoint *endpoint) {
  endpoint->step = "the route was looked for";
  const struct shim_domain *domain = endpoint->domain;
  if (endpoint->cm->verbs != domain->context)
    verbs_connect_failed(endpoint, ENODEV, "the way there leads over RDMA device %s, and this domain uses %s",
                         endpoint->cm->verbs == NULL ? "none" : ibv_get_device_name(endpoint->cm->verbs->device),
                         ibv_get_device_name(domain->context->device));
  else if (rdma_resolve_route(endpoint->cm, time_left(endpoint)) != 0)
    verbs_connect_failed(endpoint, errno, "no route (rdma_resolve_route: %s)", shim_errno_name(errno));
}

static void route_resolved(struct shim_endpoint *endpoint) {
  endpoint->step = "the peer was asked";
  int error = verbs_qp_prepare(endpoint, endpoint->cm);
  if (error != 0) {
    fail_with_thread_text(endpoint, -error);
    return;
  }
  struct rdma_conn_param parameters = {
      .private_data = endpoint->private_data,
      .private_data_len = (uint8_t)endpoint->private_bytes,
      .responder_resources = endpoint->responder_resources,
      .initiator_depth = endpoint->initiator_depth,
      .flow_control = 1,
      .retry_count = (uint8_t)endpoint->domain->options.retry_count,
      .rnr_retry_count = (uint8_t)endpoint->domain->options.rnr_retry,
      .qp_num = endpoint->qp->qp_num,
  };
  if (rdma_connect(endpoint->cm, &parameters) != 0)
    verbs_connect_failed(endpoint, errno, "rdma_connect: %s", shim_errno_name(errno));
}

static void store_private_data(struct shim_endpoint *endpoint, const struct verbs_cm_event *event) {
  struct shim_event *outcome = &endpoint->outcome.event;
  outcome->private_data_bytes = event->private_bytes < VERBS_PRIVATE_BYTES ? event->private_bytes : VERBS_PRIVATE_BYTES;
  memcpy(outcome->private_data, event->private_data, outcome->private_data_bytes);
}

static void accepted(struct shim_endpoint *endpoint, const struct verbs_cm_event *event) {
  int error = verbs_qp_transmit(endpoint, endpoint->cm);
  if (error == 0) {
    verbs_mailbox_learn(endpoint, event->private_data, event->private_bytes);
    error = verbs_mailbox_introduce(endpoint);
  }
  if (error != 0) {
    fail_with_thread_text(endpoint, -error);
    return;
  }
  if (rdma_establish(endpoint->cm) != 0) {
    verbs_connect_failed(endpoint, errno, "rdma_establish: %s", shim_errno_name(errno));
    return;
  }
  store_private_data(endpoint, event);
  __atomic_store_n(&endpoint->ready, 1, __ATOMIC_RELEASE);
  verbs_settle(endpoint, SHIM_ESTABLISHED, SHIM_EVENT_ESTABLISHED, 0);
}

static void rejected(struct shim_endpoint *endpoint, const struct verbs_cm_event *event) {
  if (event->status == REJECTED_NO_LISTENER) {
    verbs_connect_failed(endpoint, ECONNREFUSED, "nothing listens there; is the server running, and this its port?");
    return;
  }
  if (event->status != REJECTED_BY_CONSUMER) {
    verbs_connect_failed(endpoint, ECONNREFUSED,
                         "the peer's rdma_cm rejects (reason %d of the InfiniBand "
                         "specification)",
                         event->status);
    return;
  }
  store_private_data(endpoint, event);
  (void)snprintf(endpoint->outcome.text, sizeof endpoint->outcome.text, "connecting to %s port %u: the peer refused",
                 endpoint->peer, endpoint->peer_port);
  (void)rdma_destroy_id(endpoint->cm);
  endpoint->cm = NULL;
  verbs_qp_fail(endpoint);
  verbs_settle(endpoint, SHIM_FAILED, SHIM_EVENT_REFUSED, 0);
}

void verbs_connect_step(struct shim_endpoint *endpoint, const struct verbs_cm_event *event) {
  int error = event->status < 0 ? -event->status : 0;
  switch (event->type) {
  case RDMA_CM_EVENT_ADDR_RESOLVED:
    address_resolved(endpoint);
    break;
  case RDMA_CM_EVENT_ROUTE_RESOLVED:
    route_resolved(endpoint);
    break;
  case RDMA_CM_EVENT_CONNECT_RESPONSE:
    accepted(endpoint, event);
    break;
  case RDMA_CM_EVENT_REJECTED:
    rejected(endpoint, event);
    break;
  case RDMA_CM_EVENT_ADDR_ERROR:
    verbs_connect_failed(endpoint, error == 0 ? EHOSTUNREACH : error,
                         "the address cannot be reached from this device (%s)", shim_errno_name(error));
    break;
  case RDMA_CM_EVENT_ROUTE_ERROR:
    verbs_connect_failed(endpoint, error == 0 ? EHOSTUNREACH : error, "no route (%s)", shim_errno_name(error));
    break;
  case RDMA_CM_EVENT_UNREACHABLE:
    verbs_connect_failed(endpoint, error == 0 ? ETIMEDOUT : error, "no answer (%s)", shim_errno_name(error));
    break;
  default:
    verbs_connect_failed(endpoint, error == 0 ? ECONNRESET : error, "the handshake failed (%s: %d)",
                         rdma_event_str(event->type), event->status);
    break;
  }
}

/* Where to connect and from where: 0 or -errno with text. */
static int find_way(struct shim_endpoint *endpoint, const char *host, uint32_t port, union verbs_address *peer,
                    union verbs_address *source) {
  const struct shim_domain *domain = endpoint->domain;
  const char *device = ibv_get_device_name(domain->context->device);
  int error = 0;
  if (host == NULL || host[0] == '\0') {
    if (domain->address_count == 0)
      return shim_fail(EADDRNOTAVAIL, "RDMA device %s has no address; give its network device one: ip addr add",
                       device);
    *peer = domain->addresses[0];
    verbs_set_port(peer, port);
  } else {
    error = verbs_lookup(host, port, false, peer);
  }
  if (error == 0 && domain->options.source[0] != '\0')
    return verbs_lookup(domain->options.source, 0, true, source);
  if (error != 0)
    return error;
  const union verbs_address *own = verbs_source_for(domain, peer);
  if (own == NULL)
    return shim_fail(EADDRNOTAVAIL, "connecting to %s: RDMA device %s has no IPv%d address", host, device,
                     peer->any.sa_family == AF_INET6 ? 6 : 4);
  *source = *own;
  return 0;
}

int shim_endpoint_connect(struct shim_endpoint *endpoint, const char *host, uint32_t port, const void *private_data,
                          uint32_t bytes, uint32_t milliseconds) {
  struct shim_domain *domain = endpoint->domain;
  if (endpoint->request != NULL || endpoint->state != SHIM_NEW)
    return shim_fail(EINVAL, "connecting to %s port %u: the endpoint is not new; open another one", host, port);
  if (port == 0 || port > UINT16_MAX)
    return shim_fail(EINVAL, "connecting to %s port %u: ports are 1 to 65535", host, port);
  if (bytes > VERBS_PRIVATE_BYTES)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with a connection", bytes,
                     VERBS_PRIVATE_BYTES);
  union verbs_address peer;
  union verbs_address source;
  int error = find_way(endpoint, host, port, &peer, &source);
  if (error != 0)
    return error;
  verbs_format_address(&peer, endpoint->peer, sizeof endpoint->peer);
  endpoint->peer_port = port;
  endpoint->private_bytes = bytes;
  if (bytes > 0)
    memcpy(endpoint->private_data, private_data, bytes);
  verbs_lock(domain);
  if (rdma_create_id(domain->channel, &endpoint->cm, (void *)(uintptr_t)endpoint->id, RDMA_PS_TCP) != 0) {
    endpoint->cm = NULL;
    error =
        shim_fail(errno, "connecting to %s port %u (rdma_create_id: %s)", endpoint->peer, port, shim_errno_name(errno));
  } else {
    endpoint->deadline = shim_now() + (uint64_t)milliseconds * SHIM_NANOSECONDS_PER_MILLISECOND;
    endpoint->step = "the address was looked for";
    __atomic_store_n(&endpoint->state, SHIM_CONNECTING, __ATOMIC_SEQ_CST);
    if (rdma_resolve_addr(endpoint->cm, &source.any, &peer.any, time_left(endpoint)) != 0)
      verbs_connect_failed(endpoint, errno, "rdma_resolve_addr: %s", shim_errno_name(errno));
    verbs_bridge_kick(domain);
  }
  verbs_unlock(domain);
  return error;
}
