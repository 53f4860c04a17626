/* SPDX-License-Identifier: BSD-3-Clause */
/* As $LD_AUDIT, it lets the loader find libfabric nowhere. */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <string.h>

unsigned int la_version(unsigned int version);
unsigned int la_version(unsigned int version) {
  return version;
}

char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag);
char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag) {
  return strstr(name, "libfabric.so") != NULL ? "/nowhere/libfabric.so.1" : (char *)name;
}
