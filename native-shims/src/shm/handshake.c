/* SPDX-License-Identifier: BSD-3-Clause */
/* The accepting side, on the bridge: from a connection in the backlog to a request that the owner may answer. */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "internal.h"
#include "message.h"
#include "sealed-memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16
#define EXHAUSTED_NANOSECONDS (50u * SHIM_NANOSECONDS_PER_MILLISECOND)

void shm_listener_pause(struct shim_listener *listener, uint64_t resume) {
  listener->paused = true;
  listener->resume = resume;
  shm_watch_remove(listener->domain, listener->socket, &listener->watch);
}

void shm_listener_resume(struct shim_listener *listener) {
  listener->resume = SHM_NO_DEADLINE;
  if (!listener->paused || listener->pending >= listener->backlog)
    return;
  if (shm_watch_add(listener->domain, listener->socket, SHM_WATCH_LISTENER, listener, &listener->watch) == 0)
    listener->paused = false;
  else
    listener->resume = shim_now() + EXHAUSTED_NANOSECONDS;
}

void shm_listener_answered(struct shim_listener *listener) {
  listener->pending--;
  if (listener->paused && listener->resume == SHM_NO_DEADLINE)
    shm_listener_resume(listener);
}

static void begin_handshake(struct shim_listener *listener, int socket) {
  struct shim_domain *domain = listener->domain;
  struct shm_handshake *handshake = calloc(1, sizeof *handshake);
  struct shm_peer peer;
  if (handshake == NULL || shm_peer_of(socket, &peer) != 0 || !shm_uid_allowed(domain, peer.uid)) {
    free(handshake);
    (void)close(socket);
    return;
  }
  handshake->listener = listener;
  handshake->socket = socket;
  handshake->peer = peer;
  handshake->deadline = shim_now() + (uint64_t)domain->handshake_ms * SHIM_NANOSECONDS_PER_MILLISECOND;
  if (shm_watch_add(domain, socket, SHM_WATCH_HANDSHAKE, handshake, &handshake->watch) != 0) {
    free(handshake);
    (void)close(socket);
    return;
  }
  shim_list_append(&domain->handshakes, &handshake->link);
  listener->pending++;
}

void shm_listener_readable(struct shim_listener *listener) {
  for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
    if (listener->pending >= listener->backlog) {
      shm_listener_pause(listener, SHM_NO_DEADLINE);
      return;
    }
    int socket = accept4(listener->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      /* Out of descriptors or memory: the connection stays in the backlog, which would wake the bridge at once again.
       */
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        shm_listener_pause(listener, shim_now() + EXHAUSTED_NANOSECONDS);
      return;
    }
    begin_handshake(listener, socket);
  }
}

/* Frees the handshake, but not its socket. */
static void release(struct shm_handshake *handshake) {
  shm_watch_remove(handshake->listener->domain, handshake->socket, &handshake->watch);
  shim_list_remove(&handshake->link);
  free(handshake);
}

void shm_handshake_drop(struct shm_handshake *handshake) {
  struct shim_listener *listener = handshake->listener;
  int socket = handshake->socket;
  release(handshake);
  (void)close(socket);
  shm_listener_answered(listener);
}

void shm_send_rejection(int socket, uint32_t reason, const void *private_data, uint32_t bytes) {
  struct shm_greeting greeting = {.header = shm_make_header(SHM_REJECT), .reason = reason, .private_bytes = bytes};
  if (bytes > 0)
    memcpy(greeting.private_data, private_data, bytes);
  /* The peer may be gone already, and is then as good as refused. */
  (void)shm_send(socket, &greeting, sizeof greeting, NULL, 0);
}

/* A hello that can become a request: 0, or why it is refused. */
static uint32_t check_hello(struct shm_packet *packet, const struct shm_peer *peer) {
  const struct shm_greeting *hello = &packet->payload.greeting;
  if (packet->bytes >= sizeof hello->header && hello->header.magic == SHM_MAGIC &&
      hello->header.version != SHM_PROTOCOL_VERSION)
    return SHM_REJECT_VERSION;
  if (!shm_packet_is(packet, SHM_HELLO, sizeof *hello, 1, 2) || hello->private_bytes > SHIM_MAX_PRIVATE_DATA ||
      !shm_entries_valid(hello->entries))
    return SHM_REJECT_INVALID;
  uint64_t bytes = shm_round_up(shm_inbox_bytes(hello->entries), shm_page_bytes());
  if (shm_memory_verify(packet->fds[0], bytes) != 0)
    return SHM_REJECT_INVALID;
  if (packet->fd_count == 2 && !shm_pidfd_names(packet->fds[1], peer->pid))
    return SHM_REJECT_INVALID;
  return 0;
}

static struct shim_request *make_request(struct shm_handshake *handshake, struct shm_packet *packet) {
  struct shim_request *request = calloc(1, sizeof *request);
  if (request == NULL)
    return NULL;
  const struct shm_greeting *hello = &packet->payload.greeting;
  request->domain = handshake->listener->domain;
  request->listener = handshake->listener;
  request->socket = handshake->socket;
  request->peer = handshake->peer;
  request->entries = hello->entries;
  request->inbox_fd = shm_packet_take(packet, 0);
  request->pidfd = shm_packet_take(packet, 1);
  shim_event_init(&request->arrival);
  struct shim_event *event = &request->arrival.event;
  event->type = SHIM_EVENT_CONNECT_REQUEST;
  event->owner_id = handshake->listener->id;
  event->object = (uint64_t)(uintptr_t)request;
  event->private_data_bytes = hello->private_bytes;
  memcpy(event->private_data, hello->private_data, hello->private_bytes);
  shm_event_peer(event, &request->peer);
  return request;
}

void shm_handshake_readable(struct shm_handshake *handshake) {
  struct shim_domain *domain = handshake->listener->domain;
  struct shm_packet packet;
  int received = shm_receive(handshake->socket, &packet);
  if (received == -EAGAIN)
    return;
  if (received <= 0) {
    shm_handshake_drop(handshake);
    return;
  }
  uint32_t refused = check_hello(&packet, &handshake->peer);
  struct shim_request *request = refused == 0 ? make_request(handshake, &packet) : NULL;
  shm_packet_close(&packet);
  if (request == NULL) {
    shm_send_rejection(handshake->socket, refused == 0 ? SHM_REJECT_INVALID : refused, NULL, 0);
    shm_handshake_drop(handshake);
    return;
  }
  release(handshake);
  shim_list_append(&domain->requests, &request->link);
  shim_event_push(&domain->events, &request->arrival);
}
