/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who owns a port: the process that holds the lock on <directory>/<port>.lock, for as long as it lives. So the files of
 * a killed listener are taken over, or cleared away by the next one, and those of a living one are not.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FREE_PORT 20000u
#define RANDOM_TRIES 256
#define LOCK_TRIES 10

void shm_port_path(const struct shim_domain *domain, uint32_t port, const char *suffix, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  (void)snprintf(address->sun_path, sizeof address->sun_path, "%s/%u.%s", domain->directory, port, suffix);
}

/* The lock file is removed by its owner, so a lock may be won on a file that is no longer the one in the directory. */
static bool is_current(int fd, const char *path) {
  struct statx held;
  struct statx named;
  return statx(fd, "", AT_EMPTY_PATH, STATX_INO, &held) == 0 &&
         statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &named) == 0 && held.stx_ino == named.stx_ino &&
         held.stx_dev_major == named.stx_dev_major && held.stx_dev_minor == named.stx_dev_minor;
}

/* Locks the file; one that clears away holds a lock for a moment only, a living listener for good. */
static int lock_file(int fd) {
  const struct timespec moment = {.tv_nsec = 1000000};
  for (int i = 0; i < LOCK_TRIES; i++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
      return 0;
    if (errno != EWOULDBLOCK)
      return -errno;
    (void)nanosleep(&moment, NULL);
  }
  return -EADDRINUSE;
}

int shm_port_lock(const struct shim_domain *domain, uint32_t port) {
  struct sockaddr_un path;
  shm_port_path(domain, port, "lock", &path);
  for (;;) {
    int fd = open(path.sun_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
      return shim_fail(errno, "cannot listen on shm://%u: lock file %s (open: %s)", port, path.sun_path,
                       shim_errno_name(errno));
    int error = -lock_file(fd);
    if (error != 0) {
      (void)close(fd);
      return shim_fail(error, "cannot listen on shm://%u: %s; choose another port, or 0 for any free one", port,
                       error == EADDRINUSE ? "a living process listens there" : shim_errno_name(error));
    }
    if (is_current(fd, path.sun_path))
      return fd;
    (void)close(fd);
  }
}

void shm_port_unlock(const struct shim_domain *domain, uint32_t port, int fd) {
  struct sockaddr_un path;
  shm_port_path(domain, port, "lock", &path);
  (void)unlink(path.sun_path);
  (void)close(fd);
}

int shm_port_lock_any(struct shim_domain *domain, uint32_t *port) {
  for (int i = 0; i < RANDOM_TRIES; i++) {
    uint32_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
      return shim_fail(EAGAIN, "no random number for a port (getrandom: %s)", shim_errno_name(errno));
    *port = FIRST_FREE_PORT + random % (SHM_LAST_PORT - FIRST_FREE_PORT + 1u);
    int fd = shm_port_lock(domain, *port);
    if (fd != -EADDRINUSE)
      return fd;
  }
  return shim_fail(EADDRINUSE, "no free port found for a listener in %d tries", RANDOM_TRIES);
}

/* The port of a lock file's name, or 0. */
static uint32_t port_of(const char *name) {
  char *end;
  unsigned long port = strtoul(name, &end, 10);
  return name[0] >= '1' && name[0] <= '9' && port <= SHM_LAST_PORT && strcmp(end, ".lock") == 0 ? (uint32_t)port : 0;
}

static void clear_port(const struct shim_domain *domain, uint32_t port) {
  struct sockaddr_un lock;
  struct sockaddr_un sock;
  shm_port_path(domain, port, "lock", &lock);
  shm_port_path(domain, port, "sock", &sock);
  int fd = open(lock.sun_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_current(fd, lock.sun_path)) {
    (void)unlink(sock.sun_path);
    (void)unlink(lock.sun_path);
  }
  (void)close(fd);
}

void shm_ports_clear(const struct shim_domain *domain) {
  DIR *directory = opendir(domain->directory);
  /* A directory that cannot be read is only not cleared: whoever listens hears of what matters. */
  if (directory == NULL)
    return;
  for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    uint32_t port = port_of(entry->d_name);
    if (port != 0)
      clear_port(domain, port);
  }
  (void)closedir(directory);
}
