/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device says about a request, in the words of the ABI, and in words. */
#include "internal.h"

#include <arpa/inet.h>

static uint32_t status_of(enum ibv_wc_status status) {
  switch (status) {
  case IBV_WC_SUCCESS:
    return SHIM_SUCCESS;
  case IBV_WC_LOC_LEN_ERR:
    return SHIM_LOCAL_LENGTH_ERROR;
  case IBV_WC_LOC_PROT_ERR:
  case IBV_WC_LOC_ACCESS_ERR:
  case IBV_WC_MW_BIND_ERR:
    return SHIM_LOCAL_PROTECTION_ERROR;
  case IBV_WC_WR_FLUSH_ERR:
    return SHIM_FLUSHED;
  case IBV_WC_REM_ACCESS_ERR:
    return SHIM_REMOTE_ACCESS_ERROR;
  case IBV_WC_REM_INV_REQ_ERR:
  case IBV_WC_REM_OP_ERR:
  case IBV_WC_REM_ABORT_ERR:
    return SHIM_REMOTE_OPERATION_ERROR;
  case IBV_WC_RETRY_EXC_ERR:
  case IBV_WC_RESP_TIMEOUT_ERR:
    return SHIM_RETRY_EXCEEDED;
  case IBV_WC_RNR_RETRY_EXC_ERR:
    return SHIM_RECEIVER_NOT_READY;
  default:
    return SHIM_OTHER_ERROR;
  }
}

static const char *cause_of(uint32_t status) {
  static const char *const causes[] = {
      [SHIM_LOCAL_LENGTH_ERROR] = "a payload did not fit the receive that it met (or, on Soft-RoCE, met one into "
                                  "memory that is not registered any more), or is longer than a message may be",
      [SHIM_LOCAL_PROTECTION_ERROR] = "own memory was used that is not registered (any more), or without the access",
      [SHIM_REMOTE_ACCESS_ERROR] = "the peer's memory is not registered (any more) under that key, is shorter, or was "
                                   "registered without the access",
      [SHIM_REMOTE_OPERATION_ERROR] = "the peer could not carry it out; usually its receive was too short",
      [SHIM_RECEIVER_NOT_READY] = "the peer posted no receive, however often it was tried; it must post before the "
                                  "other side sends",
      [SHIM_RETRY_EXCEEDED] = "the peer does not answer: its process or host is gone, or the network between is",
      [SHIM_OTHER_ERROR] = "the device or its driver failed; see the kernel's log",
  };
  return causes[status];
}

static const char *name_of(uint32_t opcode) {
  static const char *const names[] = {
      [0] = "hello or goodbye",       [SHIM_SEND] = "send",
      [SHIM_WRITE] = "write",         [SHIM_READ] = "read",
      [SHIM_FETCH_ADD] = "fetch-add", [SHIM_COMPARE_SWAP] = "compare-swap",
      [SHIM_RECEIVE] = "receive",     [SHIM_RECEIVE_WRITE_IMMEDIATE] = "receive",
  };
  return names[opcode];
}

/* An RC queue pair does not outlive a failed request: the connection ends, and says why. */
static __attribute__((cold, noinline)) void broken(struct shim_endpoint *endpoint, const struct ibv_wc *wc,
                                                   const struct shim_completion *completion) {
  uint32_t reason = completion->status == SHIM_RETRY_EXCEEDED ? SHIM_PEER_DIED : SHIM_PROTOCOL_VIOLATION;
  verbs_lock(endpoint->domain);
  if (endpoint->state == SHIM_ESTABLISHED)
    verbs_endpoint_end(endpoint, reason, "%s %u to %s port %u failed: %s (%s, vendor error 0x%x)",
                       name_of(completion->opcode), completion->wr_id, endpoint->peer, endpoint->peer_port,
                       cause_of(completion->status), ibv_wc_status_str(wc->status), wc->vendor_err);
  (void)shim_fail(0, "%s", endpoint->end.text);
  verbs_unlock(endpoint->domain);
}

static __attribute__((cold, noinline)) void now_ready(struct shim_endpoint *endpoint) {
  verbs_lock(endpoint->domain);
  verbs_peer_is_ready(endpoint);
  verbs_unlock(endpoint->domain);
}

static bool receive(const struct shim_queue *queue, struct shim_endpoint *endpoint, const struct ibv_wc *wc,
                    struct shim_completion *completion) {
  (void)queue;
  endpoint->receive_outstanding--;
  /* What arrives proves that the peer is ready, even where its last word of the handshake was lost. */
  if (__builtin_expect(__atomic_load_n(&endpoint->ready, __ATOMIC_ACQUIRE) == 0 && wc->status == IBV_WC_SUCCESS, 0))
    now_ready(endpoint);
  completion->wr_id = (uint32_t)wc->wr_id;
  completion->opcode = SHIM_RECEIVE;
  if (__builtin_expect(wc->status != IBV_WC_SUCCESS, 0)) {
    /* Soft-RoCE's word for a receive that cannot take the payload. */
    if (wc->status == IBV_WC_LOC_QP_OP_ERR)
      completion->status = SHIM_LOCAL_LENGTH_ERROR;
    return true;
  }
  if (wc->opcode == IBV_WC_RECV_RDMA_WITH_IMM)
    completion->opcode = SHIM_RECEIVE_WRITE_IMMEDIATE;
  if ((wc->wc_flags & IBV_WC_WITH_IMM) != 0) {
    completion->flags = SHIM_IMMEDIATE;
    completion->immediate = ntohl(wc->imm_data);
  }
  completion->byte_length = wc->byte_len;
  return true;
}

static bool request(struct shim_endpoint *endpoint, const struct ibv_wc *wc, struct shim_completion *completion) {
  uint32_t position = (uint32_t)wc->wr_id;
  const struct verbs_sent *sent = &endpoint->sent[position & endpoint->sent_mask];
  /* A queue pair works in order: everything before this is done too. */
  endpoint->done = position + 1u;
  completion->wr_id = sent->wr_id;
  completion->opcode = sent->opcode;
  if (__builtin_expect(wc->status != IBV_WC_SUCCESS, 0)) {
    if (endpoint->split_status == SHIM_SUCCESS)
      endpoint->split_status = completion->status;
    if (!sent->last)
      return false;
    completion->status = endpoint->split_status;
    endpoint->split_status = SHIM_SUCCESS;
    if (sent->opcode == 0)
      return false;
    if (!sent->signaled)
      endpoint->unreaped++;
    return true;
  }
  return sent->signaled;
}

bool verbs_translate(struct shim_queue *queue, const struct ibv_wc *wc, struct shim_completion *completion) {
  uint32_t id = (uint32_t)(wc->wr_id >> 32) & INT32_MAX;
  struct shim_endpoint *endpoint = queue->last;
  if (__builtin_expect(endpoint == NULL || endpoint->id != id, 0)) {
    endpoint = verbs_find_endpoint(queue->domain, id);
    if (endpoint == NULL)
      return false; /* closed: nobody waits for its flushed requests any more */
    queue->last = endpoint;
  }
  *completion = (struct shim_completion){.endpoint_id = id, .status = status_of(wc->status)};
  bool wanted = (wc->wr_id & VERBS_RECEIVE_BIT) != 0 ? receive(queue, endpoint, wc, completion)
                                                     : request(endpoint, wc, completion);
  if (__builtin_expect(wc->status != IBV_WC_SUCCESS, 0)) {
    completion->provider_error = (int32_t)wc->status;
    if (wc->status != IBV_WC_WR_FLUSH_ERR)
      broken(endpoint, wc, completion);
  }
  return wanted;
}
