/* SPDX-License-Identifier: BSD-3-Clause */
/* A listener is a path socket, <directory>/<port>.sock, of a port that this process owns (port.c). */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_BACKLOG 4096u

static int bind_socket(struct shim_listener *listener) {
  struct sockaddr_un path;
  shm_port_path(listener->domain, listener->port, "sock", &path);
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

static void release(struct shim_listener *listener) {
  if (listener->socket >= 0) {
    struct sockaddr_un path;
    shm_port_path(listener->domain, listener->port, "sock", &path);
    (void)unlink(path.sun_path);
    (void)close(listener->socket);
  }
  if (listener->lock_fd >= 0)
    shm_port_unlock(listener->domain, listener->port, listener->lock_fd);
  free(listener);
}

static int open_listener(struct shim_listener *listener) {
  struct shim_domain *domain = listener->domain;
  int fd = listener->port == 0 ? shm_port_lock_any(domain, &listener->port) : shm_port_lock(domain, listener->port);
  if (fd < 0)
    return fd;
  listener->lock_fd = fd;
  shm_ports_clear(domain);
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
  if (port > SHM_LAST_PORT)
    return shim_fail(EINVAL, "cannot listen on port %u: ports end at %u", port, SHM_LAST_PORT);
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

int shim_listener_host(struct shim_listener *listener, char *host, uint32_t capacity) {
  (void)listener;
  if (capacity > 0)
    host[0] = '\0';
  return 0;
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
