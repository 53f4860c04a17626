/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests posted between accept and the peer's last word of the handshake. The peer's queue pair may not be able to
 * receive yet; a packet that comes too early would be sent again only after the acknowledgement's time-out.
 */
#include "prepared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct deferred {
  struct shim_list link;
  struct shim_work work;
  struct verbs_prepared prepared;
  uint8_t payload[]; /* of an inline request, whose caller may use its memory again */
};

static void copy_payload(struct deferred *deferred, const struct verbs_prepared *prepared) {
  uint8_t *to = deferred->payload;
  for (uint32_t i = 0; i < prepared->stretch_count; i++) {
    memcpy(to, (const void *)(uintptr_t)prepared->stretches[i].address, prepared->stretches[i].bytes);
    to += prepared->stretches[i].bytes;
  }
  deferred->prepared.stretch_count = prepared->bytes > 0 ? 1u : 0u;
  deferred->prepared.stretches[0] = (struct verbs_stretch){(uint64_t)(uintptr_t)deferred->payload, prepared->bytes, 0};
}

int verbs_defer(struct shim_endpoint *endpoint, const struct verbs_prepared *prepared) {
  const struct shim_work *work = prepared->work;
  bool is_inline =
      (work->flags & SHIM_INLINE) != 0 && work->opcode <= SHIM_WRITE && prepared->bytes <= endpoint->max_inline;
  uint32_t parts = verbs_parts(endpoint, prepared);
  if (endpoint->deferred_count + parts > endpoint->slots)
    return shim_fail(ENOBUFS, "posting a request: endpoint %u keeps %u already until its peer is ready", endpoint->id,
                     endpoint->deferred_count);
  struct deferred *deferred = calloc(1, sizeof *deferred + (is_inline ? prepared->bytes : 0u));
  if (deferred == NULL)
    return shim_fail(ENOMEM, "no memory to keep a request until the peer is ready");
  deferred->work = *work;
  deferred->prepared = *prepared;
  deferred->prepared.work = &deferred->work;
  if (is_inline)
    copy_payload(deferred, prepared);
  endpoint->deferred_count += parts;
  shim_list_append(&endpoint->deferred, &deferred->link);
  return 0;
}

static struct deferred *take(struct shim_endpoint *endpoint) {
  struct deferred *deferred = SHIM_CONTAINER(endpoint->deferred.next, struct deferred, link);
  shim_list_remove(&deferred->link);
  return deferred;
}

int verbs_post_deferred(struct shim_endpoint *endpoint) {
  int error = 0;
  while (error == 0 && !shim_list_is_empty(&endpoint->deferred)) {
    struct deferred *deferred = take(endpoint);
    error = verbs_post_prepared(endpoint, &deferred->prepared);
    free(deferred);
  }
  endpoint->deferred_count = 0;
  return error;
}

void verbs_deferred_drop(struct shim_endpoint *endpoint) {
  while (!shim_list_is_empty(&endpoint->deferred))
    free(take(endpoint));
}
