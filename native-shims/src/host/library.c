/* SPDX-License-Identifier: BSD-3-Clause */
#include "host-error.h"
#include "rfaas_host.h"

#include "../common/glibc-compat.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

/* dlerror's text, which is absent if nobody failed since it was last asked. */
static const char *loader_text(void) {
  const char *text = dlerror();
  return text == NULL ? "no reason given" : text;
}

int rfaas_library_open(const char *path, uint64_t *library) {
  if (path == NULL || library == NULL) {
    return rfaas_host_fail(EINVAL, "cannot load a library: no path");
  }
  /* Everything is bound now, so that a missing symbol is an error here and not a crash in the first invocation. */
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    return rfaas_host_fail(ENOEXEC, "cannot load %s as a shared library: %s", path, loader_text());
  }
  *library = (uint64_t)(uintptr_t)handle;
  return 0;
}

int rfaas_library_symbol(uint64_t library, const char *name, uint64_t *symbol) {
  if (library == 0 || name == NULL || symbol == NULL) {
    return rfaas_host_fail(EINVAL, "cannot look up a symbol: no library or no name");
  }
  void *address = dlsym((void *)(uintptr_t)library, name);
  if (address == NULL) {
    return rfaas_host_fail(ENOENT, "the library has no symbol \"%s\": %s", name, loader_text());
  }
  *symbol = (uint64_t)(uintptr_t)address;
  return 0;
}

int rfaas_library_close(uint64_t library) {
  if (library == 0 || dlclose((void *)(uintptr_t)library) != 0) {
    return rfaas_host_fail(EINVAL, "cannot unload a library: %s", library == 0 ? "none is named" : loader_text());
  }
  return 0;
}
