/* SPDX-License-Identifier: BSD-3-Clause */
/* Operations, in registered memory: libfabric keeps what it needs of one in it, until its completion. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLAB_BYTES (32u * 1024u)
#define BOUNCES 16u
#define BOUNCE_BYTES (64u * 1024u + (uint32_t)sizeof(struct fabric_header))

struct fabric_slab {
  struct fabric_slab *next;
  struct fid_mr *mr;
  uint8_t *memory;
  uint64_t bytes;
};

/* Memory for libfabric alone; registered where providers want that of everything that they read or write. */
static struct fabric_slab *open_slab(struct shim_domain *domain, uint64_t bytes) {
  struct fabric_slab *slab = calloc(1, sizeof *slab);
  if (slab == NULL)
    return NULL;
  slab->bytes = bytes;
  slab->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slab->memory == MAP_FAILED) {
    free(slab);
    return NULL;
  }
  if (domain->local_mr &&
      fabric_register(domain, slab->memory, bytes, FI_SEND | FI_RECV | FI_READ | FI_WRITE, &slab->mr) != 0) {
    (void)munmap(slab->memory, bytes);
    free(slab);
    return NULL;
  }
  slab->next = domain->slabs;
  domain->slabs = slab;
  return slab;
}

static bool grow(struct shim_domain *domain) {
  struct fabric_slab *slab = open_slab(domain, SLAB_BYTES);
  if (slab == NULL)
    return false;
  struct fabric_op *ops = (struct fabric_op *)(void *)slab->memory;
  for (size_t i = 0; i < SLAB_BYTES / sizeof *ops; i++) {
    shim_list_init(&ops[i].link);
    ops[i].desc = slab->mr != NULL ? fi_mr_desc(slab->mr) : NULL;
    shim_list_append(&domain->free_ops, &ops[i].link);
  }
  return true;
}

struct fabric_op *fabric_op_take(struct shim_domain *domain) {
  if (shim_list_is_empty(&domain->free_ops) && !grow(domain)) {
    (void)shim_fail(ENOMEM, "no memory for more requests of a libfabric domain");
    return NULL;
  }
  struct fabric_op *op = SHIM_CONTAINER(domain->free_ops.next, struct fabric_op, link);
  shim_list_remove(&op->link);
  op->endpoint = NULL;
  op->half_done = false;
  return op;
}

void fabric_op_give(struct shim_domain *domain, struct fabric_op *op) {
  shim_list_remove(&op->link);
  op->endpoint = NULL;
  /* At the front: what was used last is in the cache. */
  op->link.next = domain->free_ops.next;
  op->link.previous = &domain->free_ops;
  domain->free_ops.next->previous = &op->link;
  domain->free_ops.next = &op->link;
}

void fabric_ops_free(struct shim_domain *domain) {
  shim_list_init(&domain->free_ops);
  while (domain->slabs != NULL) {
    struct fabric_slab *slab = domain->slabs;
    domain->slabs = slab->next;
    if (slab->mr != NULL)
      (void)fi_close(&slab->mr->fid);
    (void)munmap(slab->memory, slab->bytes);
    free(slab);
  }
}

int fabric_bounce_post(struct shim_domain *domain, struct fabric_op *op) {
  int64_t answer = fi_recv(domain->port.ep, op->bounce, BOUNCE_BYTES, op->desc, FI_ADDR_UNSPEC, op);
  return answer == 0 ? 0 : fabric_fail(domain, "fi_recv", answer, "cannot post a receive");
}

int fabric_bounces_open(struct shim_domain *domain) {
  struct fabric_slab *slab = open_slab(domain, (uint64_t)BOUNCES * (BOUNCE_BYTES + sizeof(struct fabric_op)));
  if (slab == NULL)
    return shim_fail(ENOMEM, "no memory for the messages of a libfabric domain");
  struct fabric_op *ops = (struct fabric_op *)(void *)slab->memory;
  uint8_t *bounces = slab->memory + BOUNCES * sizeof(struct fabric_op);
  for (uint32_t i = 0; i < BOUNCES; i++) {
    shim_list_init(&ops[i].link);
    ops[i].kind = FABRIC_BOUNCE;
    ops[i].desc = slab->mr != NULL ? fi_mr_desc(slab->mr) : NULL;
    ops[i].bounce = bounces + (uint64_t)i * BOUNCE_BYTES;
    int error = fabric_bounce_post(domain, &ops[i]);
    if (error != 0)
      return error;
  }
  return 0;
}
