/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Posted receives. Those for sends go to libfabric (FI_EP_MSG) or wait here for a message (FI_EP_RDM). Those for
 * immediates are a number, unless the provider takes a posted receive for each of them.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

#define WRITABLE (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE)

static int check_buffer(const struct shim_endpoint *endpoint, const struct shim_region *region, uint64_t offset,
                        uint64_t length) {
  if (region->domain != endpoint->domain || offset > region->length || length > region->length - offset)
    return shim_fail(EINVAL, "posting a receive into bytes %llu to %llu of a region of %llu bytes%s",
                     (unsigned long long)offset, (unsigned long long)(offset + length),
                     (unsigned long long)region->length,
                     region->domain != endpoint->domain ? " of another protection domain" : "");
  if ((region->access & WRITABLE) == 0)
    return shim_fail(EINVAL, "posting a receive into a region that was opened without local write access");
  return 0;
}

void fabric_receive_free(struct shim_endpoint *endpoint, struct fabric_receive *receive) {
  if (receive->is_empty)
    endpoint->empty_receives--;
  else
    endpoint->buffer_receives--;
  shim_list_remove(&receive->link);
  free(receive);
}

static int hand_over(struct shim_endpoint *endpoint, struct fabric_receive *receive) {
  struct shim_domain *domain = endpoint->domain;
  struct fabric_op *op = fabric_op_take(domain);
  if (op == NULL)
    return -ENOMEM;
  op->endpoint = endpoint;
  op->kind = FABRIC_RECEIVE;
  void *memory = receive->region != NULL ? receive->region->address + receive->offset : NULL;
  void *desc = receive->region != NULL ? receive->region->desc : NULL;
  int64_t answer = fi_recv(endpoint->port->ep, memory, receive->length, desc, FI_ADDR_UNSPEC, op);
  if (answer == 0) {
    receive->op = op;
    return 0;
  }
  fabric_op_give(domain, op);
  return answer == -FI_EAGAIN ? -FI_EAGAIN : fabric_fail(domain, "fi_recv", answer, "posting a receive");
}

/* Nothing may land in a region that is closed. */
void fabric_receives_forget(struct shim_endpoint *endpoint, const struct shim_region *region) {
  for (struct shim_list *node = endpoint->receives.next; node != &endpoint->receives; node = node->next) {
    struct fabric_receive *receive = SHIM_CONTAINER(node, struct fabric_receive, link);
    if (receive->region != region)
      continue;
    receive->region = NULL;
    if (receive->op != NULL)
      (void)fi_cancel(&endpoint->port->ep->fid, receive->op);
  }
}

int fabric_receives_post(struct shim_endpoint *endpoint) {
  endpoint->receives_wait = false;
  for (struct shim_list *node = endpoint->receives.next; node != &endpoint->receives; node = node->next) {
    struct fabric_receive *receive = SHIM_CONTAINER(node, struct fabric_receive, link);
    int error = receive->op == NULL ? hand_over(endpoint, receive) : 0;
    /* The provider's queue is full: the rest follows when it has room. */
    if (error == -FI_EAGAIN) {
      endpoint->receives_wait = true;
      return 0;
    }
    if (error != 0)
      return error;
  }
  return 0;
}

static int add(struct shim_endpoint *endpoint, struct shim_region *region, uint64_t offset, uint64_t length,
               uint32_t wr_id) {
  struct fabric_receive *receive = malloc(sizeof *receive);
  if (receive == NULL)
    return shim_fail(ENOMEM, "no memory for a receive");
  *receive = (struct fabric_receive){
      .is_empty = region == NULL, .region = region, .offset = offset, .length = length, .wr_id = wr_id};
  shim_list_init(&receive->link);
  shim_list_append(&endpoint->receives, &receive->link);
  if (region == NULL)
    endpoint->empty_receives++;
  else
    endpoint->buffer_receives++;
  return 0;
}

static int post(struct shim_endpoint *endpoint, struct shim_region *region, uint64_t offset, uint64_t length,
                uint32_t wr_id, uint32_t count) {
  struct shim_domain *domain = endpoint->domain;
  if (region == NULL && !domain->consumes_receives) {
    endpoint->empty_receives += count;
  } else {
    for (uint32_t i = 0; i < count; i++) {
      int error = add(endpoint, region, offset, length, wr_id);
      if (error != 0)
        return error;
    }
    if (!domain->is_rdm && endpoint->port->ep != NULL) {
      int error = fabric_receives_post(endpoint);
      if (error != 0)
        return error;
    }
  }
  if (__builtin_expect(!shim_list_is_empty(&endpoint->early), 0))
    fabric_match_early(endpoint);
  return 0;
}

int shim_post_receive(struct shim_endpoint *endpoint, struct shim_region *region, uint64_t offset, uint64_t length,
                      uint32_t wr_id, uint32_t count) {
  struct shim_domain *domain = endpoint->domain;
  int error = region != NULL ? check_buffer(endpoint, region, offset, length) : 0;
  if (error != 0)
    return error;
  fabric_lock(domain);
  uint32_t posted = endpoint->empty_receives + endpoint->buffer_receives;
  if (__builtin_expect(endpoint->state >= SHIM_DISCONNECTED, 0))
    error = shim_fail_not_connected("posting a receive", endpoint->id, endpoint->state, endpoint->end.text);
  else if (__builtin_expect(count > endpoint->receive_depth - posted, 0))
    error = shim_fail(ENOBUFS,
                      "posting %u receives: %u of %u are posted on endpoint %u; take completions first, or open it "
                      "with a larger receive depth",
                      count, posted, endpoint->receive_depth, endpoint->id);
  else
    error = post(endpoint, region, offset, length, wr_id, count);
  fabric_unlock(domain);
  return error;
}
