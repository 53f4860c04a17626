/* SPDX-License-Identifier: BSD-3-Clause */
/* The TCP connection beside each connection: messages with a header, in and out, none of which blocks. */
#define _GNU_SOURCE
#include "link.h"
#include "../common/clock.h"
#include "internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MOST_OUT (64u * 1024u) /* a peer that does not read its answers is not served */
#define PROBES 3

/* A host that is gone says nothing: the kernel asks now and then, and gives up. */
static void keep_alive(int fd, uint32_t timeout_ms) {
  int on = 1;
  int idle = (int)(timeout_ms / 1000u / (PROBES + 1));
  idle = idle < 1 ? 1 : idle;
  int probes = PROBES;
  unsigned int unacknowledged = timeout_ms;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
}

struct fabric_link *fabric_link_open(struct shim_domain *domain, int fd, enum fabric_link_state state) {
  struct fabric_link *link = calloc(1, sizeof *link);
  if (link == NULL) {
    (void)shim_fail(ENOMEM, "no memory for a connection");
    return NULL;
  }
  link->watch.kind = FABRIC_LINK;
  link->state = state;
  link->fd = fd;
  link->domain = domain;
  link->deadline = FABRIC_NO_DEADLINE;
  shim_list_init(&link->link);
  keep_alive(fd, domain->options.peer_timeout_ms);
  if (fabric_watch_add(domain, fd, state == FABRIC_LINK_DIALS ? (uint32_t)EPOLLOUT : (uint32_t)EPOLLIN, &link->watch) !=
      0) {
    free(link);
    return NULL;
  }
  shim_list_append(&domain->links, &link->link);
  return link;
}

void fabric_link_close(struct fabric_link *link) {
  if (link->fd < 0)
    return;
  (void)close(link->fd);
  link->fd = -1;
  link->state = FABRIC_LINK_CLOSED;
  link->deadline = FABRIC_NO_DEADLINE;
  if (link->info != NULL) {
    (void)fi_reject(link->pep, link->info->handle, NULL, 0);
    fi_freeinfo(link->info);
    link->info = NULL;
  }
  shim_list_remove(&link->link);
  shim_list_append(&link->domain->graves, &link->link);
  (void)pthread_cond_broadcast(&link->domain->changed);
}

/* On the bridge, when no event that it took is about one of them. */
void fabric_graves_empty(struct shim_domain *domain) {
  while (!shim_list_is_empty(&domain->graves)) {
    struct fabric_link *link = SHIM_CONTAINER(domain->graves.next, struct fabric_link, link);
    shim_list_remove(&link->link);
    free(link->out);
    free(link);
  }
  while (!shim_list_is_empty(&domain->closed_listeners)) {
    struct shim_listener *listener = SHIM_CONTAINER(domain->closed_listeners.next, struct shim_listener, link);
    shim_list_remove(&listener->link);
    free(listener);
  }
}

static void keep_out(struct fabric_link *link, const uint8_t *bytes, uint32_t count) {
  uint8_t *grown = link->out_used + count <= MOST_OUT ? realloc(link->out, link->out_used + count) : NULL;
  if (grown == NULL) {
    /* The bridge reads the end of it. */
    (void)shutdown(link->fd, SHUT_RDWR);
    return;
  }
  memcpy(grown + link->out_used, bytes, count);
  link->out = grown;
  link->out_used += count;
  fabric_watch_change(link->domain, link->fd, EPOLLIN | EPOLLOUT, &link->watch);
}

void fabric_link_send(struct fabric_link *link, enum fabric_word word, const void *body, uint32_t bytes) {
  uint8_t message[sizeof(struct fabric_link_header) + sizeof(struct fabric_hello)];
  struct fabric_link_header header = {FABRIC_LINK_MAGIC, (uint16_t)word, (uint16_t)bytes};
  if (link->fd < 0)
    return;
  memcpy(message, &header, sizeof header);
  if (bytes > 0)
    memcpy(message + sizeof header, body, bytes);
  uint32_t total = (uint32_t)sizeof header + bytes;
  ssize_t sent = link->out_used > 0 ? 0 : send(link->fd, message, total, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN)
    return; /* the bridge reads why */
  uint32_t done = sent < 0 ? 0 : (uint32_t)sent;
  if (done < total)
    keep_out(link, message + done, total - done);
}

static void flush_out(struct fabric_link *link) {
  if (link->out_used == 0)
    return;
  ssize_t sent = send(link->fd, link->out, link->out_used, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent <= 0)
    return;
  link->out_used -= (uint32_t)sent;
  memmove(link->out, link->out + sent, link->out_used);
  if (link->out_used == 0)
    fabric_watch_change(link->domain, link->fd, EPOLLIN, &link->watch);
}

/* Every whole message; false once the link is closed. */
static bool take_words(struct fabric_link *link) {
  uint32_t used = 0;
  struct fabric_link_header header;
  while (link->in_used - used >= sizeof header) {
    memcpy(&header, link->in + used, sizeof header);
    if (header.magic != FABRIC_LINK_MAGIC || header.bytes > FABRIC_LINK_IN - sizeof header) {
      fabric_link_lost(link, EPROTO, "it does not speak rdmalib's protocol");
      return false;
    }
    if (link->in_used - used < sizeof header + header.bytes)
      break;
    if (!fabric_link_word(link, (enum fabric_word)header.word, link->in + used + sizeof header, header.bytes)) {
      if (link->fd >= 0)
        fabric_link_lost(link, EPROTO, "it said what makes no sense");
      return false;
    }
    if (link->fd < 0)
      return false;
    used += (uint32_t)sizeof header + header.bytes;
  }
  link->in_used -= used;
  memmove(link->in, link->in + used, link->in_used);
  return true;
}

static void read_in(struct fabric_link *link) {
  for (;;) {
    ssize_t got = recv(link->fd, link->in + link->in_used, FABRIC_LINK_IN - link->in_used, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (got <= 0) {
      fabric_link_lost(link, got == 0 ? 0 : errno, NULL);
      return;
    }
    link->in_used += (uint32_t)got;
    if (!take_words(link))
      return;
  }
}

static void dialled(struct fabric_link *link) {
  int error = 0;
  socklen_t bytes = sizeof error;
  (void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
  if (error != 0) {
    fabric_link_lost(link, error, NULL);
    return;
  }
  link->state = FABRIC_LINK_GREETED;
  if (link->endpoint != NULL)
    link->endpoint->step = "the listener was connected and had not said who it is";
  fabric_watch_change(link->domain, link->fd, EPOLLIN, &link->watch);
}

void fabric_link_ready(struct fabric_link *link, uint32_t events) {
  if (link->fd < 0)
    return;
  if (link->state == FABRIC_LINK_DIALS) {
    dialled(link);
    return;
  }
  if ((events & EPOLLOUT) != 0)
    flush_out(link);
  if ((events & ~(uint32_t)EPOLLOUT) != 0)
    read_in(link);
}
