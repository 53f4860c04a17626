/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket of an established connection, on the bridge: keys asked for, wake-ups, and the end. */
#include "../common/futex.h"
#include "internal.h"
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS_PER_TURN 16
#define REMOTE_ACCESS (SHIM_REMOTE_WRITE | SHIM_REMOTE_READ | SHIM_REMOTE_ATOMIC)

int shm_endpoint_watch(struct shim_endpoint *endpoint) {
  struct shim_domain *domain = endpoint->domain;
  int error = 0;
  if (endpoint->socket_watch == SHM_NO_WATCH)
    error = shm_watch_add(domain, endpoint->socket, SHM_WATCH_SOCKET, endpoint, &endpoint->socket_watch);
  if (error == 0 && endpoint->peer_pidfd >= 0)
    error = shm_watch_add(domain, endpoint->peer_pidfd, SHM_WATCH_PIDFD, endpoint, &endpoint->pidfd_watch);
  return error;
}

void shm_endpoint_unwatch(struct shim_endpoint *endpoint) {
  shm_watch_remove(endpoint->domain, endpoint->socket, &endpoint->socket_watch);
  shm_watch_remove(endpoint->domain, endpoint->peer_pidfd, &endpoint->pidfd_watch);
}

static void end(struct shim_endpoint *endpoint, uint32_t reason) {
  struct shim_event *event = &endpoint->end.event;
  shm_endpoint_unwatch(endpoint);
  /* The owner may be sending a wake-up: the descriptor is closed by the owner, later. */
  (void)shutdown(endpoint->socket, SHUT_RDWR);
  event->type = SHIM_EVENT_DISCONNECTED;
  event->owner_id = endpoint->id;
  event->reason = reason;
  event->error = reason == SHIM_CLOSED_BY_PEER ? 0 : reason == SHIM_PEER_DIED ? -ECONNRESET : -EPROTO;
  event->object = (uint64_t)(uintptr_t)endpoint;
  event->peer_port = endpoint->port;
  shm_event_peer(event, &endpoint->peer);
  __atomic_store_n(&endpoint->state, SHIM_DISCONNECTED, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&endpoint->ask_state, __ATOMIC_SEQ_CST) == SHM_ASK_WAITING) {
    __atomic_store_n(&endpoint->ask_state, SHM_ASK_LOST, __ATOMIC_SEQ_CST);
    shim_futex_wake(&endpoint->ask_state);
  }
  shim_event_push(&endpoint->domain->events, &endpoint->end);
  shm_queue_wake(endpoint->receive_queue, SHM_NOTICE_STATE);
  if (endpoint->send_queue != endpoint->receive_queue)
    shm_queue_wake(endpoint->send_queue, SHM_NOTICE_STATE);
}

void shm_endpoint_end(struct shim_endpoint *endpoint, uint32_t reason, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(endpoint->end.text, sizeof endpoint->end.text, format, arguments);
  va_end(arguments);
  end(endpoint, reason);
}

void shm_endpoint_violation(struct shim_endpoint *endpoint, const char *format, ...) {
  char text[SHIM_ERROR_TEXT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  shm_lock(endpoint->domain);
  if (endpoint->state == SHIM_ESTABLISHED)
    shm_endpoint_end(endpoint, SHIM_PROTOCOL_VIOLATION, "disconnected pid %d: %.300s", (int)endpoint->peer.pid, text);
  else if (endpoint->state == SHIM_CONNECTING)
    shm_connect_failed(endpoint, EPROTO, "connecting to shm://%u: %.300s", endpoint->port, text);
  shm_unlock(endpoint->domain);
}

static struct shim_region *find_region(struct shim_domain *domain, uint64_t key) {
  for (struct shim_list *node = domain->regions.next; node != &domain->regions; node = node->next) {
    struct shim_region *region = SHIM_CONTAINER(node, struct shim_region, link);
    if (region->rkey == key && region->fd >= 0 && (region->access & REMOTE_ACCESS) != 0)
      return region;
  }
  return NULL;
}

/* The peer asks for the memory of a key. Regions of other domains, local ones and closed ones do not exist for it. */
static void answer(struct shim_endpoint *endpoint, const struct shm_map *ask) {
  struct shim_region *region = find_region(endpoint->domain, ask->key);
  struct shm_map reply = {.header = shm_make_header(SHM_ANSWER), .id = ask->id, .key = ask->key};
  if (region == NULL) {
    reply.status = -EACCES;
  } else {
    reply.length = region->length;
    reply.access = region->access;
    reply.guard = (region->flags & SHIM_REGION_GUARD) != 0;
  }
  /* A peer that lets its socket fill up does not get the answer and runs into its own time-out. */
  (void)shm_send(endpoint->socket, &reply, sizeof reply, region == NULL ? NULL : &region->fd, region == NULL ? 0 : 1);
}

static void take_answer(struct shim_endpoint *endpoint, struct shm_packet *packet) {
  const struct shm_map *reply = &packet->payload.map;
  if (__atomic_load_n(&endpoint->ask_state, __ATOMIC_SEQ_CST) != SHM_ASK_WAITING || reply->id != endpoint->ask_id)
    return; /* too late: nobody waits for it any more */
  bool cut = packet->truncated || (reply->status == 0 && packet->fd_count != 1);
  endpoint->answer_status = cut ? -EMFILE : reply->status;
  endpoint->answer_length = reply->length;
  endpoint->answer_access = reply->access;
  endpoint->answer_guard = reply->guard;
  endpoint->answer_fd = shm_packet_take(packet, 0);
  __atomic_store_n(&endpoint->ask_state, SHM_ASK_ANSWERED, __ATOMIC_SEQ_CST);
  shim_futex_wake(&endpoint->ask_state);
  if (endpoint->ask_tells) {
    endpoint->answer.event.type = SHIM_EVENT_RESOLVED;
    endpoint->answer.event.owner_id = endpoint->id;
    shim_event_push(&endpoint->domain->events, &endpoint->answer);
  }
}

/* False: the connection has ended. */
static bool handle(struct shim_endpoint *endpoint, struct shm_packet *packet) {
  int pid = (int)endpoint->peer.pid;
  if (shm_packet_is(packet, SHM_WAKE, sizeof(struct shm_header), 0, 0)) {
    shm_queue_wake(endpoint->receive_queue, 0);
    return true;
  }
  if (shm_packet_is(packet, SHM_ASK, sizeof(struct shm_map), 0, 0)) {
    answer(endpoint, &packet->payload.map);
    return true;
  }
  if (packet->bytes == sizeof(struct shm_map) && packet->payload.header.magic == SHM_MAGIC &&
      packet->payload.header.type == SHM_ANSWER) {
    take_answer(endpoint, packet);
    return true;
  }
  if (shm_packet_is(packet, SHM_BYE, sizeof(struct shm_header), 0, 0))
    shm_endpoint_end(endpoint, SHIM_CLOSED_BY_PEER, "pid %d disconnected", pid);
  else
    shm_endpoint_end(endpoint, SHIM_PROTOCOL_VIOLATION,
                     "disconnected pid %d: it sent a message of %u bytes and type %u that does not belong here", pid,
                     packet->bytes, packet->payload.header.type);
  return false;
}

/* Handles what is there: 1 when more may be, 0 when the connection has ended, -EAGAIN when nothing is left. */
static int drain(struct shim_endpoint *endpoint) {
  for (int i = 0; i < PACKETS_PER_TURN; i++) {
    struct shm_packet packet;
    int received = shm_receive(endpoint->socket, &packet);
    if (received == -EAGAIN)
      return -EAGAIN;
    if (received <= 0) {
      shm_endpoint_end(endpoint, SHIM_PEER_DIED, "pid %d hung up without a goodbye", (int)endpoint->peer.pid);
      return 0;
    }
    bool goes_on = handle(endpoint, &packet);
    shm_packet_close(&packet);
    if (!goes_on)
      return 0;
  }
  return 1;
}

void shm_socket_readable(struct shim_endpoint *endpoint) {
  if (endpoint->state == SHIM_CONNECTING)
    shm_connect_reply(endpoint);
  else if (endpoint->state == SHIM_ESTABLISHED)
    (void)drain(endpoint);
}

void shm_peer_exited(struct shim_endpoint *endpoint) {
  /* Its last words may still be in the socket. More than one turn of them is answered by the next turn. */
  if (endpoint->state == SHIM_ESTABLISHED && drain(endpoint) == -EAGAIN)
    shm_endpoint_end(endpoint, SHIM_PEER_DIED, "pid %d exited", (int)endpoint->peer.pid);
}
