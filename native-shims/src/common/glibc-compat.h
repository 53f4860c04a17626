/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Binds functions that glibc moved between its libraries to their oldest version, so that an object built on a new
 * system loads on glibc 2.28. Sanitizers intercept by default version and have no old hosts to serve: not there.
 * Include it in every file that calls one of these functions; `make check-symbols` finds a forgotten one.
 */
#ifndef SHIM_GLIBC_COMPAT_H
#define SHIM_GLIBC_COMPAT_H

#include <features.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__x86_64__)
#define SHIM_OLDEST_GLIBC "GLIBC_2.2.5"
#define SHIM_CONDATTR_GLIBC "GLIBC_2.3.3"
#elif defined(__aarch64__)
#define SHIM_OLDEST_GLIBC "GLIBC_2.17"
#define SHIM_CONDATTR_GLIBC "GLIBC_2.17"
#endif
#endif

#ifdef SHIM_OLDEST_GLIBC
#define SHIM_BIND(name, version) __asm__(".symver " #name "," #name "@" version)
#define SHIM_BIND_OLDEST(name) SHIM_BIND(name, SHIM_OLDEST_GLIBC)
SHIM_BIND_OLDEST(pthread_create);
SHIM_BIND_OLDEST(pthread_join);
SHIM_BIND_OLDEST(pthread_attr_setstacksize);
SHIM_BIND_OLDEST(pthread_mutexattr_init);
SHIM_BIND_OLDEST(pthread_mutexattr_destroy);
SHIM_BIND_OLDEST(pthread_mutexattr_settype);
SHIM_BIND(pthread_condattr_setclock, SHIM_CONDATTR_GLIBC);
SHIM_BIND_OLDEST(dlopen);
SHIM_BIND_OLDEST(dlsym);
SHIM_BIND_OLDEST(dlclose);
SHIM_BIND_OLDEST(dlerror);
#endif

#endif
