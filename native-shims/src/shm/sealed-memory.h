/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory files that nobody can resize any more, so that no peer's truncate makes an access fault. */
#ifndef SHM_SEALED_MEMORY_H
#define SHM_SEALED_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* A memory file of `bytes` whole pages, size and seals not fixed yet: a descriptor or -errno with text. */
int shm_memory_file(uint64_t bytes, const char *what);
/* Fixes the size, and with `read_only` that no further writable mapping is made. 0 or -errno with text. */
int shm_memory_seal(int fd, bool read_only);
/* Checks that somebody else's descriptor is a sealed memory file of exactly `bytes`. 0 or -EPROTO with text. */
int shm_memory_verify(int fd, uint64_t bytes);
/* Maps `pages` bytes of a file (fd -1: fresh private zero pages), and with `guard` one inaccessible page behind them.
 * 0 or -errno with text. */
int shm_memory_map(int fd, uint64_t pages, bool writable, bool guard, uint8_t **address, uint64_t *mapped_length);
/* Replaces mapped pages by private zero pages. */
void shm_memory_blank(uint8_t *address, uint64_t pages);
uint64_t shm_page_bytes(void);

#endif
