/* SPDX-License-Identifier: BSD-3-Clause */
/* What an rFaaS server needs of the operating system and Node does not offer. Lives in the same object as the loops. */
#ifndef RFAAS_HOST_H
#define RFAAS_HOST_H

#include "rdmalib_shim.h"

/* Binds a thread (0: the calling one) to the processors of `mask`, `words` 64-bit words. 0 or -errno. */
SHIM_API int rfaas_set_affinity(int32_t thread, const uint64_t *mask, uint32_t words);
/* The processors that a thread may run on: how many words were written, or -errno. */
SHIM_API int rfaas_get_affinity(int32_t thread, uint64_t *mask, uint32_t words);
/* The calling thread's id. */
SHIM_API int rfaas_thread_id(void);
/* The kernel kills the calling process with `signal` when its parent's thread that made it ends. 0 or -errno. */
SHIM_API int rfaas_die_with_parent(int32_t signal);
/* Loads a shared library from a path and looks up `name`: the address of the symbol in *symbol. -ENOEXEC when it does
 * not load, -ENOENT without the symbol; shim-style text through rfaas_host_error_text. The library stays loaded until
 * it is closed. */
SHIM_API int rfaas_library_open(const char *path, uint64_t *library);
SHIM_API int rfaas_library_symbol(uint64_t library, const char *name, uint64_t *symbol);
/* Takes back an rfaas_library_open: the library is unloaded if nobody else has it open. 0 or -EINVAL. */
SHIM_API int rfaas_library_close(uint64_t library);
SHIM_API int rfaas_host_error_text(char *text, uint32_t capacity);

#endif
