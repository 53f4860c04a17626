/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded, it makes libfabric one that can less. $LIMITED_LIBFABRIC says how, in words:
 *   version=1.16       it says that it is this version
 *   version=1.16,no=X  it says so, and has no provider X
 *   lacks=FI_RMA       no provider has this capability (FI_MSG, FI_RMA, FI_READ, FI_WRITE, FI_ATOMIC)
 *   lacks=FI_EP_MSG    no provider has endpoints of this type (FI_EP_MSG, FI_EP_RDM)
 *   lacks=writedata    endpoints refuse to write with data, as those of cxi do
 *   lacks=writedata,busy  and have no room for three of four sends
 *   needs=FI_MR_ENDPOINT  memory is registered with an endpoint: only when it was bound to one and enabled
 */
#include "interposition.h"

#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fi_ops_rma rma_ops;

static const char *limit(void) {
  const char *text = getenv("LIMITED_LIBFABRIC");
  return text == NULL ? "" : text;
}

uint32_t fi_version(void) {
  unsigned int major;
  unsigned int minor;
  if (sscanf(limit(), "version=%u.%u", &major, &minor) == 2)
    return FI_VERSION(major, minor);
  return ((uint32_t(*)(void))real("fi_version"))();
}

static int is_lacking(const struct fi_info *hints) {
  static const struct {
    const char *limit;
    uint64_t caps;
    enum fi_ep_type type;
  } lacks[] = {
      {"lacks=FI_MSG", FI_MSG | FI_SEND | FI_RECV, FI_EP_UNSPEC},
      {"lacks=FI_RMA", FI_RMA | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE, FI_EP_UNSPEC},
      {"lacks=FI_READ", FI_READ | FI_REMOTE_READ, FI_EP_UNSPEC},
      {"lacks=FI_WRITE", FI_WRITE | FI_REMOTE_WRITE, FI_EP_UNSPEC},
      {"lacks=FI_ATOMIC", FI_ATOMIC, FI_EP_UNSPEC},
      {"lacks=FI_EP_MSG", 0, FI_EP_MSG},
      {"lacks=FI_EP_RDM", 0, FI_EP_RDM},
  };
  const char *no = strstr(limit(), ",no=");
  if (no != NULL)
    return strcmp(no + 4, hints->fabric_attr->prov_name) == 0;
  for (size_t i = 0; i < sizeof lacks / sizeof lacks[0]; i++)
    if (strcmp(lacks[i].limit, limit()) == 0)
      return (hints->caps & lacks[i].caps) != 0 ||
             (lacks[i].type != FI_EP_UNSPEC && hints->ep_attr->type == lacks[i].type);
  return 0;
}

static int needs_endpoint(void) {
  return strcmp(limit(), "needs=FI_MR_ENDPOINT") == 0;
}

int fi_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags, const struct fi_info *hints,
               struct fi_info **info) {
  int (*ask)(uint32_t, const char *, const char *, uint64_t, const struct fi_info *, struct fi_info **) =
      real("fi_getinfo");
  int wanted = is_inside == 0 && hints != NULL;
  if (wanted && is_lacking(hints))
    return -FI_ENODATA;
  /* Who does not say that it can bind memory gets no provider that wants it. */
  if (wanted && needs_endpoint() && (hints->domain_attr->mr_mode & FI_MR_ENDPOINT) == 0)
    return -FI_ENODATA;
  is_inside++;
  int answer = ask(version, node, service, flags, hints, info);
  is_inside--;
  for (struct fi_info *each = answer == 0 && wanted && needs_endpoint() ? *info : NULL; each != NULL; each = each->next)
    each->domain_attr->mr_mode |= FI_MR_ENDPOINT;
  return answer;
}

static ssize_t no_writedata(struct fid_ep *ep, const void *buf, size_t len, void *desc, uint64_t data,
                            fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context) {
  return -FI_ENOSYS;
}

static ssize_t no_inject_writedata(struct fid_ep *ep, const void *buf, size_t len, uint64_t data, fi_addr_t dest_addr,
                                   uint64_t addr, uint64_t key) {
  return -FI_ENOSYS;
}

static struct fi_ops_rma *real_rma_ops;

static ssize_t writemsg(struct fid_ep *ep, const struct fi_msg_rma *msg, uint64_t flags) {
  return (flags & FI_REMOTE_CQ_DATA) != 0 ? -FI_ENOSYS : real_rma_ops->writemsg(ep, msg, flags);
}

static struct fi_ops_msg msg_ops;
static struct fi_ops_msg *real_msg_ops;

static ssize_t busy_send(struct fid_ep *ep, const void *buf, size_t len, void *desc, fi_addr_t dest_addr,
                         void *context) {
  static unsigned int calls;
  return ++calls % 4u != 0 ? -FI_EAGAIN : real_msg_ops->send(ep, buf, len, desc, dest_addr, context);
}

static int open_endpoint(struct fid_domain *domain, struct fi_info *info, struct fid_ep **endpoint, void *context) {
  int answer = real_domain_ops->endpoint(domain, info, endpoint, context);
  if (answer == 0 && strcmp(limit(), "lacks=writedata,busy") == 0) {
    real_msg_ops = (*endpoint)->msg;
    msg_ops = *real_msg_ops;
    msg_ops.send = busy_send;
    (*endpoint)->msg = &msg_ops;
  }
  if (answer == 0 && strncmp(limit(), "lacks=writedata", strlen("lacks=writedata")) == 0) {
    real_rma_ops = (*endpoint)->rma;
    rma_ops = *real_rma_ops;
    rma_ops.writedata = no_writedata;
    rma_ops.injectdata = no_inject_writedata;
    rma_ops.writemsg = writemsg;
    (*endpoint)->rma = &rma_ops;
  }
  return answer;
}

/* Memory of a provider with FI_MR_ENDPOINT: what it is to be, and what it is once it is enabled. */
struct endpoint_memory {
  struct fid_mr mr;
  struct fid_mr *real;
  struct fid_domain *domain;
  void *buffer;
  size_t bytes;
  uint64_t access;
  uint64_t key;
  int is_bound;
};

static struct fi_ops_mr mr_ops;
static struct fi_ops_mr *real_mr_ops;

static int close_memory(struct fid *fid) {
  struct endpoint_memory *memory = (struct endpoint_memory *)fid;
  int answer = memory->real != NULL ? fi_close(&memory->real->fid) : 0;
  if (answer == 0)
    free(memory);
  return answer;
}

static int bind_memory(struct fid *fid, struct fid *endpoint, uint64_t flags) {
  if (endpoint->fclass != FI_CLASS_EP || flags != 0)
    return -FI_EINVAL;
  ((struct endpoint_memory *)fid)->is_bound = 1;
  return 0;
}

static int enable_memory(struct fid *fid, int command, void *argument) {
  struct endpoint_memory *memory = (struct endpoint_memory *)fid;
  if (command != FI_ENABLE || !memory->is_bound || memory->real != NULL)
    return -FI_EINVAL;
  int answer = real_mr_ops->reg(&memory->domain->fid, memory->buffer, memory->bytes, memory->access, 0, memory->key, 0,
                                &memory->real, NULL);
  if (answer == 0) {
    memory->mr.mem_desc = memory->real->mem_desc;
    memory->mr.key = memory->real->key;
  }
  return answer;
}

static struct fi_ops memory_ops = {
    .size = sizeof memory_ops, .close = close_memory, .bind = bind_memory, .control = enable_memory};

static int register_memory(struct fid *domain, const void *buffer, size_t bytes, uint64_t access, uint64_t offset,
                           uint64_t key, uint64_t flags, struct fid_mr **mr, void *context) {
  struct endpoint_memory *memory = calloc(1, sizeof *memory);
  if (memory == NULL)
    return -FI_ENOMEM;
  memory->mr.fid = (struct fid){.fclass = FI_CLASS_MR, .context = context, .ops = &memory_ops};
  memory->mr.key = FI_KEY_NOTAVAIL;
  memory->domain = (struct fid_domain *)domain;
  memory->buffer = (void *)(uintptr_t)buffer;
  memory->bytes = bytes;
  memory->access = access;
  memory->key = key;
  *mr = &memory->mr;
  return 0;
}

static int open_domain(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain, void *context) {
  int answer = open_real_domain(fabric, info, domain, context);
  if (answer == 0 && needs_endpoint()) {
    real_mr_ops = (*domain)->mr;
    mr_ops = *real_mr_ops;
    mr_ops.reg = register_memory;
    (*domain)->mr = &mr_ops;
  }
  return answer;
}
