/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts about a device for people and tools. Nothing of it stays open. */
#include "../../include/rdmalib_verbs.h"
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct verbs_device_facts) == 96, "layout that TypeScript reads");

static uint32_t whole(int value) {
  return value < 0 ? 0u : (uint32_t)value;
}

static void fill(struct verbs_device_facts *facts, const struct ibv_device_attr *device, uint32_t max_inline) {
  *facts = (struct verbs_device_facts){
      .max_inline_bytes = max_inline,
      .max_queue_pairs = whole(device->max_qp),
      .max_completion_queues = whole(device->max_cq),
      .max_memory_regions = whole(device->max_mr),
      .max_queue_depth = whole(device->max_qp_wr),
      .max_completions = whole(device->max_cqe),
      .max_segments = whole(device->max_sge),
      .atomics = device->atomic_cap == IBV_ATOMIC_NONE  ? 0u
                 : device->atomic_cap == IBV_ATOMIC_HCA ? 1u
                                                        : 2u,
  };
  (void)snprintf(facts->firmware, sizeof facts->firmware, "%s", device->fw_ver);
}

/* Whether a probe found nothing because the device takes nothing inline, or because no queue can be made at all. */
static int make_queue(struct ibv_context *context, const char *name) {
  struct ibv_cq *cq = ibv_create_cq(context, 1, NULL, NULL, 0);
  if (cq == NULL)
    return shim_fail(errno, "RDMA device %s makes no completion queue (%s)%s", name, shim_errno_name(errno),
                     errno == ENOMEM ? "; too little memory may be locked: raise \"ulimit -l\"" : "");
  (void)ibv_destroy_cq(cq);
  return 0;
}

static int ask(struct ibv_context *context, const char *name, struct verbs_device_facts *facts) {
  struct ibv_device_attr device;
  int error = ibv_query_device(context, &device);
  if (error != 0)
    return shim_fail(error, "cannot ask RDMA device %s what it can do (%s)", name, shim_errno_name(error));
  struct ibv_pd *pd = ibv_alloc_pd(context);
  if (pd == NULL)
    return shim_fail(errno, "RDMA device %s gives no protection domain (%s)", name, shim_errno_name(errno));
  uint32_t max_inline = verbs_probe_inline(pd);
  (void)ibv_dealloc_pd(pd);
  if (max_inline == 0)
    error = make_queue(context, name);
  if (error == 0)
    fill(facts, &device, max_inline);
  return error;
}

static int open_and_ask(struct ibv_device *device, const char *name, struct verbs_device_facts *facts) {
  struct ibv_context *context = ibv_open_device(device);
  if (context == NULL)
    return shim_fail(errno, "cannot open RDMA device %s (%s)%s", name, shim_errno_name(errno),
                     errno == EACCES || errno == EPERM ? "; this user may not: see the modes of /dev/infiniband" : "");
  int error = ask(context, name, facts);
  (void)ibv_close_device(context);
  return error;
}

int verbs_query_device(const char *name, struct verbs_device_facts *facts) {
  verbs_prepare_forks();
  int count = 0;
  struct ibv_device **devices = ibv_get_device_list(&count);
  int error = 0;
  bool found = false;
  for (int i = 0; devices != NULL && i < count && !found; i++)
    if (strcmp(ibv_get_device_name(devices[i]), name) == 0) {
      found = true;
      error = open_and_ask(devices[i], name, facts);
    }
  if (devices != NULL)
    ibv_free_device_list(devices);
  if (!found)
    return shim_fail(ENODEV,
                     "libibverbs does not know RDMA device %s: its driver is missing (Debian: apt-get install "
                     "ibverbs-providers), or ib_uverbs is not loaded (as root: modprobe ib_uverbs)",
                     name);
  return error;
}
