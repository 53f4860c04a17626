/* SPDX-License-Identifier: BSD-3-Clause */
/* The connecting side: the owner starts, the bridge finishes. */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "internal.h"
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void settle(struct shim_endpoint *endpoint, int32_t state, uint32_t event_type, int error) {
  struct shim_event *event = &endpoint->outcome.event;
  endpoint->deadline = SHM_NO_DEADLINE;
  endpoint->retry = false;
  event->type = event_type;
  event->owner_id = endpoint->id;
  event->error = -error;
  event->object = (uint64_t)(uintptr_t)endpoint;
  event->peer_port = endpoint->port;
  shm_event_peer(event, &endpoint->peer);
  __atomic_store_n(&endpoint->state, state, __ATOMIC_SEQ_CST);
  shim_event_push(&endpoint->domain->events, &endpoint->outcome);
  shm_queue_wake(endpoint->receive_queue, SHM_NOTICE_STATE);
  if (endpoint->send_queue != endpoint->receive_queue)
    shm_queue_wake(endpoint->send_queue, SHM_NOTICE_STATE);
}

static void store_private_data(struct shim_endpoint *endpoint, const struct shm_greeting *greeting) {
  struct shim_event *event = &endpoint->outcome.event;
  event->private_data_bytes = greeting->private_bytes;
  memcpy(event->private_data, greeting->private_data, greeting->private_bytes);
}

void shm_connect_failed(struct shim_endpoint *endpoint, int error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(endpoint->outcome.text, sizeof endpoint->outcome.text, format, arguments);
  va_end(arguments);
  shm_endpoint_unwatch(endpoint);
  settle(endpoint, SHIM_FAILED, SHIM_EVENT_FAILED, error);
}

static void fail_with_thread_text(struct shim_endpoint *endpoint, int error) {
  char text[SHIM_ERROR_TEXT_BYTES];
  (void)shim_copy_error_text(text, sizeof text);
  shm_connect_failed(endpoint, error, "connecting to shm://%u: %.300s", endpoint->port, text);
}

/* Says hello on the connected socket: 0 or -errno with text. */
static int greet(struct shim_endpoint *endpoint, enum shm_message_type type, const void *private_data, uint32_t bytes) {
  struct shim_domain *domain = endpoint->domain;
  struct shm_greeting greeting = {
      .header = shm_make_header(type),
      .entries = (uint32_t)endpoint->consumer.mask + 1u,
      .private_bytes = bytes,
  };
  if (bytes > 0)
    memcpy(greeting.private_data, private_data, bytes);
  int fds[SHM_MAX_DESCRIPTORS] = {endpoint->inbox_fd, domain->self_pidfd};
  int error = shm_send(endpoint->socket, &greeting, sizeof greeting, fds, domain->self_pidfd >= 0 ? 2 : 1);
  if (error == -EPIPE || error == -ECONNRESET)
    return shim_fail(ECONNRESET, "the peer closed the connection during the handshake; does it allow uid %u?",
                     (unsigned)geteuid());
  if (error != 0)
    return shim_fail(-error, "cannot send the handshake (sendmsg: %s)", shim_errno_name(-error));
  (void)close(endpoint->inbox_fd);
  endpoint->inbox_fd = -1;
  return 0;
}

/* One attempt: 0, -EAGAIN when the backlog is full, or another -errno with text. */
static int attempt(struct shim_endpoint *endpoint) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/%u.sock", endpoint->domain->directory, endpoint->port);
  if (connect(endpoint->socket, (const struct sockaddr *)&address, sizeof address) != 0) {
    if (errno == EAGAIN)
      return -EAGAIN;
    int error = errno == ENOENT ? ECONNREFUSED : errno;
    return shim_fail(error,
                     "no listener answers at %s (connect: %s); is the server running, as a user that shares "
                     "this directory?",
                     address.sun_path, shim_errno_name(errno));
  }
  int error = shm_peer_of(endpoint->socket, &endpoint->peer);
  if (error != 0)
    return error;
  if (!shm_uid_allowed(endpoint->domain, endpoint->peer.uid))
    return shim_fail(EACCES, "the listener at %s runs as uid %u, which is not allowed; allow it with option uids=…",
                     address.sun_path, (unsigned)endpoint->peer.uid);
  error = greet(endpoint, SHM_HELLO, endpoint->private_data, endpoint->private_bytes);
  if (error != 0)
    return error;
  return shm_watch_add(endpoint->domain, endpoint->socket, SHM_WATCH_SOCKET, endpoint, &endpoint->socket_watch);
}

void shm_connect_retry(struct shim_endpoint *endpoint) {
  int error = attempt(endpoint);
  endpoint->retry = error == -EAGAIN;
  if (error != 0 && error != -EAGAIN)
    fail_with_thread_text(endpoint, -error);
}

int shim_endpoint_connect(struct shim_endpoint *endpoint, const char *host, uint32_t port, const void *private_data,
                          uint32_t bytes, uint32_t milliseconds) {
  struct shim_domain *domain = endpoint->domain;
  if (endpoint->request != NULL || endpoint->state != SHIM_NEW)
    return shim_fail(EINVAL, "connecting to shm://%u: the endpoint is not new; open another one", port);
  if (!shm_host_is_here(host))
    return shim_fail(EHOSTUNREACH, "connecting to \"%s\": shm stays on this host; leave the host empty", host);
  if (port == 0 || port > UINT16_MAX)
    return shim_fail(EINVAL, "connecting to shm://%u: ports are 1 to 65535", port);
  if (bytes > SHIM_MAX_PRIVATE_DATA)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with a connection", bytes,
                     SHIM_MAX_PRIVATE_DATA);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return shim_fail(errno, "connecting to shm://%u (socket: %s)", port, shim_errno_name(errno));
  shm_lock(domain);
  endpoint->socket = fd;
  endpoint->port = port;
  endpoint->private_bytes = bytes;
  if (bytes > 0)
    memcpy(endpoint->private_data, private_data, bytes);
  endpoint->deadline = shim_now() + (uint64_t)milliseconds * SHIM_NANOSECONDS_PER_MILLISECOND;
  __atomic_store_n(&endpoint->state, SHIM_CONNECTING, __ATOMIC_SEQ_CST);
  shm_connect_retry(endpoint);
  shm_bridge_kick(domain);
  shm_unlock(domain);
  return 0;
}

/* The peer's pidfd is kept only where its end is not our own end. */
static bool keep_pidfd(struct shim_endpoint *endpoint, int pidfd) {
  if (pidfd < 0)
    return true;
  if (!shm_pidfd_names(pidfd, endpoint->peer.pid)) {
    (void)close(pidfd);
    return false;
  }
  if (endpoint->peer.pid == getpid())
    (void)close(pidfd);
  else
    endpoint->peer_pidfd = pidfd;
  return true;
}

static void rejected(struct shim_endpoint *endpoint, const struct shm_greeting *greeting) {
  if (greeting->reason == SHM_REJECT_VERSION) {
    shm_connect_failed(endpoint, EPROTONOSUPPORT,
                       "connecting to shm://%u: the listener refuses protocol version %u of this process; use the same "
                       "version of rdmalib on both sides",
                       endpoint->port, SHM_PROTOCOL_VERSION);
    return;
  }
  if (greeting->reason != SHM_REJECTED || greeting->private_bytes > SHIM_MAX_PRIVATE_DATA) {
    shm_connect_failed(endpoint, EPROTO, "connecting to shm://%u: the listener found the hello invalid",
                       endpoint->port);
    return;
  }
  store_private_data(endpoint, greeting);
  shm_endpoint_unwatch(endpoint);
  (void)snprintf(endpoint->outcome.text, sizeof endpoint->outcome.text, "connecting to shm://%u: the peer refused",
                 endpoint->port);
  settle(endpoint, SHIM_FAILED, SHIM_EVENT_REFUSED, 0);
}

static void accepted(struct shim_endpoint *endpoint, struct shm_packet *packet) {
  const struct shm_greeting *greeting = &packet->payload.greeting;
  int error = shm_outbox_map(endpoint, packet->fds[0], greeting->entries);
  if (error == 0 && !keep_pidfd(endpoint, shm_packet_take(packet, 1)))
    error = shim_fail(EPROTO, "the peer sent a pidfd of another process");
  if (error == 0)
    error = shm_endpoint_watch(endpoint);
  if (error != 0) {
    fail_with_thread_text(endpoint, -error);
    return;
  }
  store_private_data(endpoint, greeting);
  settle(endpoint, SHIM_ESTABLISHED, SHIM_EVENT_ESTABLISHED, 0);
}

void shm_connect_reply(struct shim_endpoint *endpoint) {
  struct shm_packet packet;
  int received = shm_receive(endpoint->socket, &packet);
  if (received == -EAGAIN)
    return;
  if (received <= 0) {
    shm_connect_failed(endpoint, ECONNRESET, "connecting to shm://%u: the listener closed the connection",
                       endpoint->port);
    return;
  }
  const struct shm_greeting *greeting = &packet.payload.greeting;
  if (packet.bytes == sizeof *greeting && greeting->header.magic == SHM_MAGIC && greeting->header.type == SHM_REJECT)
    rejected(endpoint, greeting);
  else if (shm_packet_is(&packet, SHM_ACCEPT, sizeof *greeting, 1, 2) &&
           greeting->private_bytes <= SHIM_MAX_PRIVATE_DATA)
    accepted(endpoint, &packet);
  else if (packet.truncated)
    shm_connect_failed(endpoint, EMFILE,
                       "connecting to shm://%u: the answer's descriptors were cut; raise \"ulimit "
                       "-n\"",
                       endpoint->port);
  else
    shm_connect_failed(endpoint, EPROTO, "connecting to shm://%u: the listener's answer is no answer", endpoint->port);
  shm_packet_close(&packet);
}

static int accept_locked(struct shim_endpoint *endpoint, const void *private_data, uint32_t bytes) {
  struct shim_request *request = endpoint->request;
  endpoint->peer = request->peer;
  int error = shm_outbox_map(endpoint, request->inbox_fd, request->entries);
  endpoint->socket = request->socket;
  (void)close(request->inbox_fd);
  bool keeps = keep_pidfd(endpoint, request->pidfd);
  endpoint->request = NULL;
  shm_request_release(request);
  if (error == 0 && !keeps)
    error = shim_fail(EPROTO, "accepting: the peer sent a pidfd of another process");
  if (error == 0)
    error = shm_endpoint_watch(endpoint);
  if (error == 0)
    error = greet(endpoint, SHM_ACCEPT, private_data, bytes);
  if (error != 0)
    shm_endpoint_unwatch(endpoint);
  __atomic_store_n(&endpoint->state, error == 0 ? SHIM_ESTABLISHED : SHIM_FAILED, __ATOMIC_SEQ_CST);
  return error;
}

int shim_endpoint_accept(struct shim_endpoint *endpoint, const void *private_data, uint32_t bytes) {
  if (endpoint->request == NULL || endpoint->state != SHIM_NEW)
    return shim_fail(EINVAL, "accepting: the endpoint was opened without a connection request, or answered it before");
  if (bytes > SHIM_MAX_PRIVATE_DATA)
    return shim_fail(EMSGSIZE, "private data of %u bytes: at most %u travel with an answer", bytes,
                     SHIM_MAX_PRIVATE_DATA);
  shm_lock(endpoint->domain);
  int error = accept_locked(endpoint, private_data, bytes);
  shm_unlock(endpoint->domain);
  return error;
}
