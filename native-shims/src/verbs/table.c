/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

int shim_error_text(char *text, uint32_t capacity) {
  return shim_copy_error_text(text, capacity);
}

const struct shim_table *shim_table(void) {
  static const struct shim_table table = {
      .abi_version = SHIM_ABI_VERSION,
      .bytes = sizeof(struct shim_table),
      .error_text = shim_error_text,
      .queue_poll = shim_queue_poll,
      .queue_spin = shim_queue_spin,
      .queue_block = shim_queue_block,
      .endpoint_state = shim_endpoint_state,
      .endpoint_resolve = shim_endpoint_resolve,
      .endpoint_map = shim_endpoint_map,
      .region_query = shim_region_query,
      .post = shim_post,
      .post_receive = shim_post_receive,
  };
  return &table;
}
