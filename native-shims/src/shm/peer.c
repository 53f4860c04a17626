/* SPDX-License-Identifier: BSD-3-Clause */
/* What a connection says about who is on its other side, and whether a host's name means this host. */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int shm_peer_of(int socket, struct shm_peer *peer) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
    return shim_fail(errno, "cannot ask who the peer is (SO_PEERCRED: %s)", shim_errno_name(errno));
  *peer = (struct shm_peer){.pid = credentials.pid, .uid = credentials.uid};
  return 0;
}

void shm_event_peer(struct shim_event *event, const struct shm_peer *peer) {
  (void)snprintf(event->peer, sizeof event->peer, "pid %d uid %u", (int)peer->pid, (unsigned)peer->uid);
}

bool shm_pidfd_names(int pidfd, pid_t pid) {
  char path[64];
  char text[512];
  (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  ssize_t bytes = read(fd, text, sizeof text - 1u);
  (void)close(fd);
  if (bytes <= 0)
    return false;
  text[bytes] = '\0';
  const char *line = strstr(text, "\nPid:");
  return line != NULL && strtol(line + sizeof "\nPid:" - 1u, NULL, 10) == (long)pid;
}

bool shm_host_is_here(const char *host) {
  static const char *const names[] = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0"};
  char own[256];
  if (host == NULL)
    return true;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(host, names[i]) == 0)
      return true;
  return gethostname(own, sizeof own) == 0 && strcmp(host, own) == 0;
}
