/* SPDX-License-Identifier: BSD-3-Clause */
/* The native functions that benchmarks invoke. */
#include <stdint.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

/* Copies its input to its output. */
EXPORTED uint32_t echo(void *args, uint32_t size, void *res);
/* Does nothing at all. */
EXPORTED uint32_t nothing(void *args, uint32_t size, void *res);

/* Its first eight bytes. */
EXPORTED uint32_t first_word(void *args, uint32_t size, void *res);

uint32_t first_word(void *args, uint32_t size, void *res) {
  uint32_t bytes = size < 8u ? size : 8u;
  memcpy(res, args, bytes);
  return bytes;
}

uint32_t echo(void *args, uint32_t size, void *res) {
  memcpy(res, args, size);
  return size;
}

uint32_t nothing(void *args, uint32_t size, void *res) {
  (void)args;
  (void)size;
  (void)res;
  return 0;
}
