/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading libfabric's completions, and what each of them says. */
#include "internal.h"
#include "prepared.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 16u
#define READY_BATCH 64

/* The provider verbs says EIO, and in its own number what the device has said: enum ibv_wc_status. 2 is Soft-RoCE's
 * word for a receive that cannot take the payload. */
static uint32_t status_of_verbs(int device_status) {
  static const uint8_t statuses[] = {
      [1] = SHIM_LOCAL_LENGTH_ERROR,     [2] = SHIM_LOCAL_LENGTH_ERROR,
      [4] = SHIM_LOCAL_PROTECTION_ERROR, [5] = SHIM_FLUSHED,
      [8] = SHIM_LOCAL_PROTECTION_ERROR, [9] = SHIM_REMOTE_OPERATION_ERROR,
      [10] = SHIM_REMOTE_ACCESS_ERROR,   [11] = SHIM_REMOTE_OPERATION_ERROR,
      [12] = SHIM_RETRY_EXCEEDED,        [13] = SHIM_RECEIVER_NOT_READY,
  };
  bool known = device_status > 0 && (size_t)device_status < sizeof statuses && statuses[device_status] != 0;
  return known ? statuses[device_status] : SHIM_OTHER_ERROR;
}

static uint32_t status_of(const struct shim_domain *domain, int error, int provider_error) {
  if (error == EIO && strcmp(domain->info->fabric_attr->prov_name, "verbs") == 0)
    return status_of_verbs(provider_error);
  switch (error) {
  case FI_ETRUNC:
  case EMSGSIZE:
    return SHIM_LOCAL_LENGTH_ERROR;
  case EACCES:
  case FI_ENOKEY:
  case EPERM:
    return SHIM_REMOTE_ACCESS_ERROR;
  case ECANCELED:
  case ENOTCONN:
  case ECONNRESET:
  case EPIPE:
  case ESHUTDOWN:
  case ECONNABORTED:
  case EHOSTUNREACH:
  case ENOENT: /* the peer's address was removed */
    return SHIM_FLUSHED;
  case ETIMEDOUT:
    return SHIM_RETRY_EXCEEDED;
  default:
    return SHIM_OTHER_ERROR;
  }
}

static void own_finished(struct shim_endpoint *endpoint, bool success) {
  endpoint->fenced = true;
  (void)pthread_cond_broadcast(&endpoint->domain->changed);
  if (success)
    fabric_connect_step(endpoint);
  else if (endpoint->state == SHIM_CONNECTING)
    fabric_connect_failed(endpoint, EIO, "the first read of the peer's memory failed");
}

/* A request is done. */
static void finished(struct shim_domain *domain, struct fabric_op *op, uint32_t status, int provider_error) {
  struct shim_endpoint *endpoint = op->endpoint;
  if (endpoint == NULL) { /* its connection ended before */
    fabric_op_give(domain, op);
    return;
  }
  if (op->kind == FABRIC_OWN) {
    bool was_fence = op->opcode == SHIM_READ;
    fabric_op_give(domain, op);
    if (was_fence)
      own_finished(endpoint, status == SHIM_SUCCESS);
    return;
  }
  endpoint->in_flight--;
  if (op->signaled || status != SHIM_SUCCESS) {
    struct shim_completion completion = {.endpoint_id = endpoint->id,
                                         .opcode = op->opcode,
                                         .status = status,
                                         .wr_id = op->wr_id,
                                         .provider_error = provider_error};
    if (!op->signaled)
      endpoint->unreaped++;
    (void)fabric_queue_add(endpoint->send_queue, endpoint, &completion);
  }
  fabric_op_give(domain, op);
}

/* FI_EP_MSG: a send landed in a posted receive, or an immediate took one. */
static void received(struct shim_endpoint *endpoint, struct fabric_op *op, const struct fi_cq_data_entry *entry,
                     uint32_t status, int provider_error) {
  struct fabric_receive *receive = NULL;
  for (struct shim_list *node = endpoint->receives.next; node != &endpoint->receives && receive == NULL;
       node = node->next) {
    struct fabric_receive *candidate = SHIM_CONTAINER(node, struct fabric_receive, link);
    if (candidate->op == op)
      receive = candidate;
  }
  bool immediate = (entry->flags & FI_REMOTE_CQ_DATA) != 0;
  bool written = immediate && (entry->flags & FI_RECV) == 0;
  struct shim_completion completion = {.endpoint_id = endpoint->id,
                                       .opcode = written ? SHIM_RECEIVE_WRITE_IMMEDIATE : SHIM_RECEIVE,
                                       .status = status,
                                       .flags = immediate ? SHIM_IMMEDIATE : 0,
                                       .immediate = (uint32_t)entry->data,
                                       .byte_length = (uint32_t)entry->len,
                                       .provider_error = provider_error};
  fabric_op_give(endpoint->domain, op);
  if (receive != NULL) {
    completion.wr_id = receive->is_empty ? 0 : receive->wr_id;
    fabric_receive_free(endpoint, receive);
  }
  (void)fabric_queue_add(endpoint->receive_queue, endpoint, &completion);
  /* One that the provider refuses for good is missed by the peer, whose connection ends then. */
  if (__builtin_expect(endpoint->receives_wait, 0) && endpoint->port->ep != NULL)
    (void)fabric_receives_post(endpoint);
}

static void completed(struct fabric_port *port, const struct fi_cq_data_entry *entry) {
  struct shim_domain *domain = port->domain;
  struct fabric_op *op = entry->op_context;
  /* Some providers repeat FI_REMOTE_CQ_DATA in the completion of whoever sent the data. */
  if ((entry->flags & FI_REMOTE_CQ_DATA) != 0 && (entry->flags & (FI_RECV | FI_SEND | FI_WRITE)) == 0) {
    struct shim_endpoint *endpoint = port->endpoint;
    if (endpoint == NULL) {
      fabric_data_came(domain, entry->data);
      return;
    }
    uint64_t bytes = domain->reports_length ? entry->len : entry->data >> 32;
    if (domain->consumes_receives && op != NULL) {
      struct fi_cq_data_entry measured = *entry;
      measured.len = bytes;
      received(endpoint, op, &measured, SHIM_SUCCESS, 0);
      return;
    }
    fabric_immediate_came(endpoint, (uint32_t)entry->data, bytes);
    return;
  }
  if (op == NULL)
    return;
  if (op->kind == FABRIC_BOUNCE) {
    fabric_message_came(domain, op->bounce, entry->len);
    /* A provider that takes no receive any more is closing: its connections end on their own. */
    (void)fabric_bounce_post(domain, op);
  } else if (op->kind == FABRIC_RECEIVE) {
    received(port->endpoint, op, entry, SHIM_SUCCESS, 0);
  } else {
    finished(domain, op, SHIM_SUCCESS, 0);
  }
}

static void failed(struct fabric_port *port) {
  struct shim_domain *domain = port->domain;
  struct fi_cq_err_entry entry = {0};
  if (fi_cq_readerr(port->cq, &entry, 0) != 1)
    return;
  struct fabric_op *op = entry.op_context;
  uint32_t status = status_of(domain, entry.err, entry.prov_errno);
  if (op != NULL && op->kind == FABRIC_BOUNCE) {
    if (entry.err != FI_ECANCELED)
      (void)fabric_bounce_post(domain, op);
    return;
  }
  struct shim_endpoint *endpoint = port->endpoint != NULL ? port->endpoint : op != NULL ? op->endpoint : NULL;
  if (op != NULL && op->kind == FABRIC_RECEIVE) {
    struct fi_cq_data_entry none = {.op_context = op};
    received(port->endpoint, op, &none, status, entry.err);
  } else if (op != NULL) {
    finished(domain, op, status, entry.err);
  }
  /* A request that failed leaves the peers with different ideas of what was done. */
  if (endpoint != NULL && endpoint->state == SHIM_ESTABLISHED && status != SHIM_FLUSHED)
    fabric_endpoint_doom(endpoint, SHIM_PROTOCOL_VIOLATION, "a request failed: libfabric says %s (%s)",
                         fi_strerror(entry.err), fi_cq_strerror(port->cq, entry.prov_errno, entry.err_data, NULL, 0));
  else if (endpoint != NULL)
    fabric_libfabric_ended(endpoint);
}

void fabric_port_take(struct fabric_port *port, const struct fi_cq_data_entry *entries, ssize_t count) {
  port->vain = 0;
  port->domain->came += (uint64_t)count;
  for (ssize_t i = 0; i < count; i++)
    completed(port, &entries[i]);
}

uint32_t fabric_port_read(struct fabric_port *port) {
  struct fi_cq_data_entry entries[BATCH];
  uint32_t total = 0;
  for (;;) {
    ssize_t count = fi_cq_read(port->cq, entries, BATCH);
    if (count == -FI_EAVAIL) {
      failed(port);
      total++;
      continue;
    }
    if (count <= 0)
      return total;
    fabric_port_take(port, entries, count);
    total += (uint32_t)count;
    if (count < (ssize_t)BATCH)
      return total;
  }
}

static void find_ready(struct shim_domain *domain) {
  struct epoll_event events[READY_BATCH];
  int count = epoll_wait(domain->ports_epoll, events, READY_BATCH, 0);
  for (int i = 0; i < count; i++) {
    struct fabric_port *port = events[i].data.ptr;
    if (port != NULL) {
      fabric_port_touch(port);
    } else {
      uint64_t wakes;
      ssize_t bytes = read(domain->wake_fd, &wakes, sizeof wakes);
      (void)bytes;
    }
  }
}

static void post_kept(struct shim_domain *domain) {
  for (struct shim_list *node = domain->stuck.next, *next; node != &domain->stuck; node = next) {
    next = node->next;
    fabric_kept_post(SHIM_CONTAINER(node, struct shim_endpoint, stuck));
  }
}

void fabric_progress(struct shim_domain *domain) {
  find_ready(domain);
  for (struct shim_list *node = domain->busy.next, *next; node != &domain->busy; node = next) {
    struct fabric_port *port = SHIM_CONTAINER(node, struct fabric_port, busy);
    next = node->next;
    if (fabric_port_read(port) == 0 && fabric_port_is_quiet(port))
      shim_list_remove(&port->busy);
  }
  post_kept(domain);
  fabric_doom_fulfil(domain);
}

bool fabric_may_sleep(struct shim_domain *domain) {
  for (struct shim_list *node = domain->busy.next; node != &domain->busy; node = node->next)
    (void)fabric_port_watch(SHIM_CONTAINER(node, struct fabric_port, busy));
  for (int round = 0; round < 4 && !shim_list_is_empty(&domain->busy); round++)
    fabric_progress(domain);
  return shim_list_is_empty(&domain->busy) && shim_list_is_empty(&domain->stuck);
}
