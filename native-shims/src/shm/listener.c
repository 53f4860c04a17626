/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listener is a path socket <directory>/<port>.sock. Who holds the lock on <port>.lock owns the port, so the socket
 * of a killed listener is taken over and that of a living one is not.
 */
#define _GNU_SOURCE
#include "internal.h"

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
#include <unistd.h>

#define FIRST_FREE_PORT 20000u
#define LAST_PORT 65535u
#define RANDOM_TRIES 256
#define MAX_BACKLOG 4096u

static void port_path(const struct shim_domain *domain, uint32_t port, const char *suffix,
                      struct sockaddr_un *address) {
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

/* Takes the port: the lock's descriptor or -errno. */
static int lock_port(const struct shim_domain *domain, uint32_t port) {
  struct sockaddr_un path;
  port_path(domain, port, "lock", &path);
  for (;;) {
    int fd = open(path.sun_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
      return shim_fail(errno, "cannot listen on shm://%u: lock file %s (open: %s)", port, path.sun_path,
                       shim_errno_name(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      int error = errno == EWOULDBLOCK ? EADDRINUSE : errno;
      (void)close(fd);
      return shim_fail(error, "cannot listen on shm://%u: %s; choose another port, or 0 for any free one", port,
                       error == EADDRINUSE ? "a living process listens there" : shim_errno_name(error));
    }
    if (is_current(fd, path.sun_path))
      return fd;
    (void)close(fd);
  }
}

static void unlock_port(const struct shim_domain *domain, uint32_t port, int fd) {
  struct sockaddr_un path;
  port_path(domain, port, "lock", &path);
  (void)unlink(path.sun_path);
  (void)close(fd);
}

static int bind_socket(struct shim_listener *listener) {
  struct sockaddr_un path;
  port_path(listener->domain, listener->port, "sock", &path);
  if (unlink(path.sun_path) != 0 && errno != ENOENT)
    return shim_fail(errno, "cannot listen on shm://%u: remove the left-over %s by hand (unlink: %s)", listener->port,
                     path.sun_path, shim_errno_name(errno));
  listener->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener->socket < 0)
    return shim_fail(errno, "cannot listen on shm://%u (socket: %s)", listener->port, shim_errno_name(errno));
  if (bind(listener->socket, (const struct sockaddr *)&path, sizeof path) != 0 ||
      listen(listener->socket, (int)listener->backlog) != 0)
    return shim_fail(errno, "cannot listen on %s (bind, listen: %s)", path.sun_path, shim_errno_name(errno));
  /* Other users may be allowed; who connects is checked by uid in any case. */
  for (uint32_t i = 0; i < listener->domain->uid_count; i++)
    if (listener->domain->uids[i] != 0 && listener->domain->uids[i] != geteuid())
      (void)chmod(path.sun_path, 0666);
  return 0;
}

static int lock_any_port(struct shim_domain *domain, uint32_t *port) {
  for (int i = 0; i < RANDOM_TRIES; i++) {
    uint32_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
      return shim_fail(EAGAIN, "no random number for a port (getrandom: %s)", shim_errno_name(errno));
    *port = FIRST_FREE_PORT + random % (LAST_PORT - FIRST_FREE_PORT + 1u);
    int fd = lock_port(domain, *port);
    if (fd != -EADDRINUSE)
      return fd;
  }
  return shim_fail(EADDRINUSE, "no free port found for a listener in %d tries", RANDOM_TRIES);
}

static void release(struct shim_listener *listener) {
  if (listener->socket >= 0) {
    struct sockaddr_un path;
    port_path(listener->domain, listener->port, "sock", &path);
    (void)unlink(path.sun_path);
    (void)close(listener->socket);
  }
  if (listener->lock_fd >= 0)
    unlock_port(listener->domain, listener->port, listener->lock_fd);
  free(listener);
}

static int open_listener(struct shim_listener *listener) {
  struct shim_domain *domain = listener->domain;
  int fd = listener->port == 0 ? lock_any_port(domain, &listener->port) : lock_port(domain, listener->port);
  if (fd < 0)
    return fd;
  listener->lock_fd = fd;
  int error = bind_socket(listener);
  if (error != 0)
    return error;
  shm_lock(domain);
  error = shm_watch_add(domain, listener->socket, SHM_WATCH_LISTENER, listener, &listener->watch);
  if (error == 0)
    shim_list_append(&domain->listeners, &listener->link);
  shm_unlock(domain);
  return error;
}

int shim_listener_open(struct shim_domain *domain, const char *host, uint32_t port, uint32_t backlog,
                       struct shim_listener **opened) {
  if (!shm_host_is_here(host))
    return shim_fail(EADDRNOTAVAIL, "cannot listen on \"%s\": shm stays on this host; leave the host empty", host);
  if (port > LAST_PORT)
    return shim_fail(EINVAL, "cannot listen on port %u: ports end at %u", port, LAST_PORT);
  struct shim_listener *listener = calloc(1, sizeof *listener);
  if (listener == NULL)
    return shim_fail(ENOMEM, "no memory for a listener");
  listener->domain = domain;
  listener->id = shm_next_id();
  listener->port = port;
  listener->socket = -1;
  listener->lock_fd = -1;
  listener->backlog = backlog == 0 ? 1u : backlog > MAX_BACKLOG ? MAX_BACKLOG : backlog;
  listener->resume = SHM_NO_DEADLINE;
  listener->watch = SHM_NO_WATCH;
  shim_list_init(&listener->link);
  int error = open_listener(listener);
  if (error != 0) {
    release(listener);
    return error;
  }
  *opened = listener;
  return (int)listener->id;
}

int shim_listener_port(struct shim_listener *listener) {
  return (int)listener->port;
}

int shim_listener_close(struct shim_listener *listener) {
  struct shim_domain *domain = listener->domain;
  shm_lock(domain);
  shm_watch_remove(domain, listener->socket, &listener->watch);
  shim_list_remove(&listener->link);
  for (struct shim_list *node = domain->handshakes.next, *next; node != &domain->handshakes; node = next) {
    struct shm_handshake *handshake = SHIM_CONTAINER(node, struct shm_handshake, link);
    next = node->next;
    if (handshake->listener == listener)
      shm_handshake_drop(handshake);
  }
  shm_requests_orphan(listener);
  shm_unlock(domain);
  release(listener);
  return 0;
}
