/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that could not go out yet: the peer is not ready, or the provider's own queue is full. They go in order. */
#include "internal.h"
#include "prepared.h"

#include <errno.h>
#include <stdlib.h>

int fabric_keep(struct shim_endpoint *endpoint, struct fabric_op *op, const struct fabric_prepared *prepared) {
  struct fabric_kept *kept = malloc(sizeof *kept);
  if (kept == NULL)
    return shim_fail(ENOMEM, "no memory to keep a request until the peer is ready");
  kept->op = op->half_done ? NULL : op;
  kept->prepared = *prepared;
  shim_list_init(&kept->link);
  shim_list_append(&endpoint->kept, &kept->link);
  if (shim_list_is_empty(&endpoint->stuck))
    shim_list_append(&endpoint->domain->stuck, &endpoint->stuck);
  return 0;
}

static struct fabric_kept *first(struct shim_endpoint *endpoint) {
  return SHIM_CONTAINER(endpoint->kept.next, struct fabric_kept, link);
}

static void forget(struct fabric_kept *kept) {
  shim_list_remove(&kept->link);
  free(kept);
}

void fabric_kept_post(struct shim_endpoint *endpoint) {
  while (endpoint->ready && !shim_list_is_empty(&endpoint->kept)) {
    struct fabric_kept *kept = first(endpoint);
    int64_t answer =
        kept->op != NULL ? fabric_issue(endpoint, kept->op, &kept->prepared) : fabric_tell(endpoint, &kept->prepared);
    /* The write's own completion gives its operation to others: it is not to be touched any more. */
    if (kept->op != NULL && kept->op->half_done)
      kept->op = NULL;
    if (answer == -FI_EAGAIN)
      return;
    if (answer != 0) {
      fabric_endpoint_doom(endpoint, SHIM_PROTOCOL_VIOLATION, "libfabric refused a request that was kept for it (%s)",
                           fi_strerror((int)-answer));
      return;
    }
    forget(kept);
  }
  if (shim_list_is_empty(&endpoint->kept))
    shim_list_remove(&endpoint->stuck);
}

void fabric_kept_drop(struct shim_endpoint *endpoint) {
  while (!shim_list_is_empty(&endpoint->kept)) {
    struct fabric_kept *kept = first(endpoint);
    /* What is under way is on that list already. */
    if (kept->op != NULL)
      shim_list_append(&endpoint->outstanding, &kept->op->link);
    forget(kept);
  }
  shim_list_remove(&endpoint->stuck);
}
