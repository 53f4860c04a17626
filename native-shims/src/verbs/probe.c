/* SPDX-License-Identifier: BSD-3-Clause */
/* How many bytes a device takes inline. No attribute says so: queue pairs are made that ask for more and less. */
#include "internal.h"

#include <string.h>

#define MOST_INLINE 4096u
#define STEP 4u
#define KEPT 16u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  char device[IBV_SYSFS_NAME_MAX];
  uint32_t bytes;
} found[KEPT];
static uint32_t found_count;

static bool accepts(struct ibv_pd *pd, struct ibv_cq *cq, uint32_t bytes) {
  struct ibv_qp_init_attr attributes = {
      .send_cq = cq,
      .recv_cq = cq,
      .qp_type = IBV_QPT_RC,
      .cap = {.max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1, .max_inline_data = bytes},
  };
  struct ibv_qp *qp = ibv_create_qp(pd, &attributes);
  return qp != NULL && ibv_destroy_qp(qp) == 0;
}

static uint32_t probe(struct ibv_pd *pd) {
  struct ibv_cq *cq = ibv_create_cq(pd->context, 1, NULL, NULL, 0);
  if (cq == NULL)
    return 0;
  uint32_t taken = 0;
  uint32_t refused = MOST_INLINE + STEP;
  while (refused - taken > STEP) {
    uint32_t middle = (taken + refused) / 2u / STEP * STEP;
    if (accepts(pd, cq, middle))
      taken = middle;
    else
      refused = middle;
  }
  (void)ibv_destroy_cq(cq);
  return taken;
}

uint32_t verbs_probe_inline(struct ibv_pd *pd) {
  const char *device = ibv_get_device_name(pd->context->device);
  (void)pthread_mutex_lock(&lock);
  uint32_t i = 0;
  while (i < found_count && strcmp(found[i].device, device) != 0)
    i++;
  uint32_t bytes = i < found_count ? found[i].bytes : probe(pd);
  if (i == found_count && found_count < KEPT) {
    memcpy(found[i].device, device, strnlen(device, sizeof found[i].device - 1u) + 1u);
    found[i].bytes = bytes;
    found_count++;
  }
  (void)pthread_mutex_unlock(&lock);
  return bytes;
}
