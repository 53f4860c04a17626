/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded, it makes libfabric one that can less. $LIMITED_LIBFABRIC says how, in words:
 *   version=1.16       it says that it is this version
 *   version=1.16,no=X  it says so, and has no provider X
 *   lacks=FI_RMA       no provider has this capability (FI_MSG, FI_RMA, FI_READ, FI_WRITE, FI_ATOMIC)
 *   lacks=FI_EP_MSG    no provider has endpoints of this type (FI_EP_MSG, FI_EP_RDM)
 *   lacks=writedata    endpoints refuse to write with data, as those of cxi do
 */
#include "interposition.h"

#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
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

int fi_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags, const struct fi_info *hints,
               struct fi_info **info) {
  int (*ask)(uint32_t, const char *, const char *, uint64_t, const struct fi_info *, struct fi_info **) =
      real("fi_getinfo");
  if (is_inside == 0 && hints != NULL && is_lacking(hints))
    return -FI_ENODATA;
  is_inside++;
  int answer = ask(version, node, service, flags, hints, info);
  is_inside--;
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

static int open_endpoint(struct fid_domain *domain, struct fi_info *info, struct fid_ep **endpoint, void *context) {
  int answer = real_domain_ops->endpoint(domain, info, endpoint, context);
  if (answer == 0 && strcmp(limit(), "lacks=writedata") == 0) {
    real_rma_ops = (*endpoint)->rma;
    rma_ops = *real_rma_ops;
    rma_ops.writedata = no_writedata;
    rma_ops.injectdata = no_inject_writedata;
    rma_ops.writemsg = writemsg;
    (*endpoint)->rma = &rma_ops;
  }
  return answer;
}

static int open_domain(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain, void *context) {
  return open_real_domain(fabric, info, domain, context);
}
