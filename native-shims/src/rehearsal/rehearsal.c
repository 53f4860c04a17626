/* SPDX-License-Identifier: BSD-3-Clause */
/* What an executor loads and invokes when it rehearses, before it has a client. A library of its own, since it is
 * unloaded afterwards. */
#include <stdint.h>
#include <string.h>

/* Copies its input, as a client's first function might do. */
__attribute__((visibility("default"))) uint32_t rehearse(void *arguments, uint32_t size, void *result);

uint32_t rehearse(void *arguments, uint32_t size, void *result) {
  memcpy(result, arguments, size);
  return size;
}
