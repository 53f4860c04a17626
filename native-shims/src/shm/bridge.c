/* SPDX-License-Identifier: BSD-3-Clause */
/* The bridge: one thread a domain that sleeps in epoll and serves the sockets. It holds the lock but for its sleep. */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "../common/glibc-compat.h"
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_BYTES (256u * 1024u)
#define BATCH 32
#define RETRY_NANOSECONDS (2u * SHIM_NANOSECONDS_PER_MILLISECOND)

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t connecting_deadline(const struct shim_endpoint *endpoint, uint64_t now) {
  return endpoint->retry ? earlier(endpoint->deadline, now + RETRY_NANOSECONDS) : endpoint->deadline;
}

/* When the bridge must look again though no descriptor says so. */
static uint64_t next_deadline(struct shim_domain *domain, uint64_t now) {
  uint64_t deadline = SHM_NO_DEADLINE;
  for (struct shim_list *node = domain->handshakes.next; node != &domain->handshakes; node = node->next)
    deadline = earlier(deadline, SHIM_CONTAINER(node, struct shm_handshake, link)->deadline);
  for (struct shim_list *node = domain->listeners.next; node != &domain->listeners; node = node->next)
    deadline = earlier(deadline, SHIM_CONTAINER(node, struct shim_listener, link)->resume);
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next)
    deadline = earlier(deadline, connecting_deadline(SHIM_CONTAINER(node, struct shim_endpoint, link), now));
  return deadline;
}

static void expire_endpoint(struct shim_endpoint *endpoint, uint64_t now) {
  if (endpoint->deadline <= now)
    shm_connect_failed(endpoint, ETIMEDOUT,
                       endpoint->retry ? "connecting to shm://%u: the listener's backlog stayed full"
                                       : "connecting to shm://%u: the listener neither accepted nor rejected in time",
                       endpoint->port);
  else if (endpoint->retry)
    shm_connect_retry(endpoint);
}

static void expire(struct shim_domain *domain, uint64_t now) {
  for (struct shim_list *node = domain->handshakes.next, *next; node != &domain->handshakes; node = next) {
    struct shm_handshake *handshake = SHIM_CONTAINER(node, struct shm_handshake, link);
    next = node->next;
    if (handshake->deadline <= now)
      shm_handshake_drop(handshake);
  }
  for (struct shim_list *node = domain->listeners.next; node != &domain->listeners; node = node->next) {
    struct shim_listener *listener = SHIM_CONTAINER(node, struct shim_listener, link);
    if (listener->resume <= now)
      shm_listener_resume(listener);
  }
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next)
    expire_endpoint(SHIM_CONTAINER(node, struct shim_endpoint, link), now);
}

static void clear_control(struct shim_domain *domain) {
  uint64_t count;
  /* Non-blocking: nothing to read is as good. */
  ssize_t bytes = read(domain->control, &count, sizeof count);
  (void)bytes;
}

static void dispatch(struct shim_domain *domain, uint64_t token) {
  struct shm_watch *watch = shm_watch_find(domain, token);
  if (watch == NULL)
    return;
  switch (watch->kind) {
  case SHM_WATCH_CONTROL:
    clear_control(domain);
    break;
  case SHM_WATCH_LISTENER:
    shm_listener_readable(watch->object);
    break;
  case SHM_WATCH_HANDSHAKE:
    shm_handshake_readable(watch->object);
    break;
  case SHM_WATCH_SOCKET:
    shm_socket_readable(watch->object);
    break;
  case SHM_WATCH_PIDFD:
    shm_peer_exited(watch->object);
    break;
  }
}

/* Milliseconds to sleep, rounded up so that the deadline has passed afterwards. */
static int sleep_milliseconds(struct shim_domain *domain) {
  uint64_t now = shim_now();
  uint64_t deadline = next_deadline(domain, now);
  if (deadline == SHM_NO_DEADLINE)
    return -1;
  if (deadline <= now)
    return 0;
  uint64_t milliseconds = (deadline - now) / SHIM_NANOSECONDS_PER_MILLISECOND + 1u;
  return milliseconds > 60000u ? 60000 : (int)milliseconds;
}

static void *run(void *argument) {
  struct shim_domain *domain = argument;
  struct epoll_event events[BATCH];
  (void)prctl(PR_SET_NAME, "rdmalib-shm");
  shm_lock(domain);
  while (!domain->stopping) {
    int timeout = sleep_milliseconds(domain);
    shm_unlock(domain);
    int count = epoll_wait(domain->epoll, events, BATCH, timeout);
    shm_lock(domain);
    for (int i = 0; i < count; i++)
      dispatch(domain, events[i].data.u64);
    if (timeout >= 0)
      expire(domain, shim_now());
  }
  shm_unlock(domain);
  return NULL;
}

static int create_thread(struct shim_domain *domain) {
  pthread_attr_t attributes;
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
  int error = pthread_create(&domain->bridge, &attributes, run, domain);
  /* A process with much thread-local storage needs more than a small stack. */
  if (error == EINVAL)
    error = pthread_create(&domain->bridge, NULL, run, domain);
  (void)pthread_attr_destroy(&attributes);
  return error;
}

int shm_bridge_start(struct shim_domain *domain) {
  uint64_t watch;
  int error = shm_watch_add(domain, domain->control, SHM_WATCH_CONTROL, domain, &watch);
  if (error != 0)
    return error;
  sigset_t all;
  sigset_t previous;
  (void)sigfillset(&all);
  (void)sigprocmask(SIG_SETMASK, &all, &previous);
  error = create_thread(domain);
  (void)sigprocmask(SIG_SETMASK, &previous, NULL);
  if (error != 0)
    return shim_fail(error, "cannot start the bridge thread of a shm domain (pthread_create: %s)",
                     shim_errno_name(error));
  return 0;
}

void shm_bridge_kick(struct shim_domain *domain) {
  uint64_t one = 1;
  /* Only a full counter could refuse, and that one wakes too. */
  ssize_t written = write(domain->control, &one, sizeof one);
  (void)written;
}

void shm_bridge_stop(struct shim_domain *domain) {
  shm_lock(domain);
  domain->stopping = true;
  shm_bridge_kick(domain);
  shm_unlock(domain);
  (void)pthread_join(domain->bridge, NULL);
}
