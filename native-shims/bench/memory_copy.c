/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One memcpy between two buffers of shared memory, for what an invocation with a large payload is compared with.
 *
 *   memory_copy PROCESSOR BYTES COPIES
 */
#define _GNU_SOURCE
#include "samples.h"

#include <sys/mman.h>

#define WARM_UP 100u

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: memory_copy PROCESSOR BYTES COPIES\n");
    return 2;
  }
  pin_to((int)number_argument(argv[1], "processor"));
  size_t bytes = (size_t)number_argument(argv[2], "bytes") + 1;
  uint64_t count = (uint64_t)number_argument(argv[3], "copies") + 1;
  uint8_t *from = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint8_t *to = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint64_t *samples = calloc(count, sizeof *samples);
  if (from == MAP_FAILED || to == MAP_FAILED || samples == NULL) {
    perror("no memory");
    return 1;
  }
  memset(from, 1, bytes);
  rfaas_ticks_calibrate();
  uint64_t before = rfaas_ticks();
  for (uint64_t i = 0; i < WARM_UP + count; i++) {
    memcpy(to, from, bytes - 1);
    /* The copy must happen, although nobody reads it. */
    __asm__ volatile("" : : "r"(to) : "memory");
    uint64_t now = rfaas_ticks();
    if (i >= WARM_UP) {
      samples[i - WARM_UP] = now - before;
    }
    before = now;
  }
  print_samples("memory-copy", samples, count);
  free(samples);
  return 0;
}
