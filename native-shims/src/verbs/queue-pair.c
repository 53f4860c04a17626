/* SPDX-License-Identifier: BSD-3-Clause */
/* A reliable-connected queue pair and its states. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FEWEST_SLOTS 32u
#define ALL_REMOTE                                                                                                     \
  (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC)
/* rdma_cm sets bits in the mask for RoCE that ibv_modify_qp knows nothing of (as librdmacm itself removes them). */
#define KNOWN_MASK 0x1fffff

static int check_depths(const struct shim_domain *domain, const struct shim_endpoint_options *options) {
  uint32_t most = (uint32_t)(domain->device.max_qp_wr / 4);
  if (options == NULL || options->send_depth == 0 || options->send_depth > most || options->receive_depth > most)
    return shim_fail(EINVAL, "an endpoint's queues: send depth %u (wants 1 to %u), receive depth %u (wants 0 to %u)",
                     options == NULL ? 0 : options->send_depth, most, options == NULL ? 0 : options->receive_depth,
                     most);
  return 0;
}

static int allocate_sent(struct shim_endpoint *endpoint) {
  uint32_t entries = 1;
  while (entries < endpoint->slots + 1u)
    entries *= 2u;
  endpoint->sent = calloc(entries, sizeof *endpoint->sent);
  endpoint->sent_mask = entries - 1u;
  return endpoint->sent == NULL ? shim_fail(ENOMEM, "no memory for an endpoint's send queue") : 0;
}

int verbs_qp_create(struct shim_endpoint *endpoint, const struct shim_endpoint_options *options) {
  struct shim_domain *domain = endpoint->domain;
  int error = check_depths(domain, options);
  if (error != 0)
    return error;
  endpoint->send_depth = options->send_depth;
  endpoint->receive_depth = options->receive_depth;
  /* Room for unsignaled requests beside the signaled ones, and for the last one, which says goodbye. */
  endpoint->slots = options->send_depth * 2u < FEWEST_SLOTS ? FEWEST_SLOTS : options->send_depth * 2u;
  endpoint->signal_every = endpoint->slots / 4u;
  error = allocate_sent(endpoint);
  if (error != 0)
    return error;
  uint32_t inline_bytes = options->inline_bytes < domain->max_inline ? options->inline_bytes : domain->max_inline;
  struct ibv_qp_init_attr attributes = {
      .send_cq = endpoint->send_queue->cq,
      .recv_cq = endpoint->receive_queue->cq,
      .qp_type = IBV_QPT_RC,
      .cap = {.max_send_wr = endpoint->slots + 1u,
              .max_recv_wr = options->receive_depth == 0 ? 1u : options->receive_depth,
              .max_send_sge = domain->max_segments,
              .max_recv_sge = 1,
              .max_inline_data = inline_bytes},
  };
  endpoint->qp = ibv_create_qp(domain->pd, &attributes);
  if (endpoint->qp == NULL)
    return shim_fail(errno, "the device gives no queue pair of %u sends and %u receives (ibv_create_qp: %s)%s",
                     attributes.cap.max_send_wr, attributes.cap.max_recv_wr, shim_errno_name(errno),
                     errno == ENOMEM ? "; too deep, or raise the memlock limit: \"ulimit -l\"" : "");
  endpoint->max_inline = attributes.cap.max_inline_data;
  return 0;
}

static int modify(struct shim_endpoint *endpoint, struct ibv_qp_attr *attributes, int mask, const char *what) {
  int error = ibv_modify_qp(endpoint->qp, attributes, mask & KNOWN_MASK);
  return error == 0 ? 0
                    : shim_fail(error, "cannot make endpoint %u %s (ibv_modify_qp: %s)", endpoint->id, what,
                                shim_errno_name(error));
}

/* What rdma_cm knows of the path, for the state in `attributes`. */
static int ask_path(struct shim_endpoint *endpoint, struct rdma_cm_id *cm, struct ibv_qp_attr *attributes, int *mask) {
  if (rdma_init_qp_attr(cm, attributes, mask) == 0)
    return 0;
  return shim_fail(errno, "rdma_cm has no path for endpoint %u (rdma_init_qp_attr: %s)", endpoint->id,
                   shim_errno_name(errno));
}

int verbs_qp_prepare(struct shim_endpoint *endpoint, struct rdma_cm_id *cm) {
  struct ibv_qp_attr attributes = {.qp_state = IBV_QPS_INIT, .port_num = endpoint->domain->port};
  int mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS;
  int error = cm != NULL ? ask_path(endpoint, cm, &attributes, &mask) : 0;
  if (error != 0)
    return error;
  attributes.qp_access_flags = ALL_REMOTE;
  return modify(endpoint, &attributes, mask | IBV_QP_ACCESS_FLAGS, "take receives");
}

int verbs_qp_transmit(struct shim_endpoint *endpoint, struct rdma_cm_id *cm) {
  const struct verbs_options *options = &endpoint->domain->options;
  struct ibv_qp_attr attributes = {.qp_state = IBV_QPS_RTR};
  int mask = 0;
  int error = ask_path(endpoint, cm, &attributes, &mask);
  if (error != 0)
    return error;
  attributes.min_rnr_timer = (uint8_t)options->min_rnr_timer;
  attributes.max_dest_rd_atomic = endpoint->responder_resources;
  error = modify(endpoint, &attributes, mask | IBV_QP_MIN_RNR_TIMER | IBV_QP_MAX_DEST_RD_ATOMIC, "receive");
  if (error != 0)
    return error;
  memset(&attributes, 0, sizeof attributes);
  attributes.qp_state = IBV_QPS_RTS;
  error = ask_path(endpoint, cm, &attributes, &mask);
  if (error != 0)
    return error;
  attributes.timeout = (uint8_t)options->ack_timeout;
  attributes.retry_cnt = (uint8_t)options->retry_count;
  attributes.rnr_retry = (uint8_t)options->rnr_retry;
  attributes.max_rd_atomic = endpoint->initiator_depth;
  mask |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
  error = modify(endpoint, &attributes, mask, "send");
  endpoint->transmits = error == 0;
  return error;
}

void verbs_qp_fail(struct shim_endpoint *endpoint) {
  struct ibv_qp_attr attributes = {.qp_state = IBV_QPS_ERR};
  /* A queue pair that is in error already stays there. */
  (void)ibv_modify_qp(endpoint->qp, &attributes, IBV_QP_STATE);
}
