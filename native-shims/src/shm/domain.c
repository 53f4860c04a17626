/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

uint32_t shm_next_id(void) {
  static uint32_t last;
  uint32_t id;
  do
    id = __atomic_add_fetch(&last, 1u, __ATOMIC_RELAXED) & INT32_MAX;
  while (id == 0);
  return id;
}

void shm_lock(struct shim_domain *domain) {
  (void)pthread_mutex_lock(&domain->lock);
}

void shm_unlock(struct shim_domain *domain) {
  (void)pthread_mutex_unlock(&domain->lock);
}

static void close_if_open(int fd) {
  if (fd >= 0)
    (void)close(fd);
}

static void free_domain(struct shim_domain *domain) {
  close_if_open(domain->epoll);
  close_if_open(domain->control);
  shim_events_close(&domain->events);
  close_if_open(domain->self_pidfd);
  (void)pthread_mutex_destroy(&domain->lock);
  free(domain->watches);
  free(domain);
}

static int open_descriptors(struct shim_domain *domain) {
  domain->epoll = epoll_create1(EPOLL_CLOEXEC);
  domain->control = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int piped = shim_events_open(&domain->events);
  if (domain->epoll < 0 || domain->control < 0 || piped < 0)
    return shim_fail(errno, "cannot open a shm domain (epoll, eventfd and pipe: %s)%s", shim_errno_name(errno),
                     errno == EMFILE ? "; descriptors are exhausted, raise \"ulimit -n\"" : "");
  domain->self_pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
  if (domain->self_pidfd < 0 && errno != ENOSYS && errno != EPERM)
    return shim_fail(errno, "cannot open a shm domain (pidfd_open: %s)", shim_errno_name(errno));
  return 0;
}

int shim_domain_open(const char *options, struct shim_domain **opened) {
  struct shim_domain *domain = calloc(1, sizeof *domain);
  if (domain == NULL)
    return shim_fail(ENOMEM, "no memory for a shm domain");
  (void)pthread_mutex_init(&domain->lock, NULL);
  domain->epoll = domain->control = domain->self_pidfd = -1;
  domain->handshake_ms = 5000;
  domain->direct_map = 1;
  domain->uids[0] = geteuid();
  domain->uids[1] = 0;
  domain->uid_count = 2;
  shim_events_init(&domain->events);
  struct shim_list *lists[] = {&domain->regions,   &domain->queues,     &domain->endpoints,
                               &domain->listeners, &domain->handshakes, &domain->requests};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    shim_list_init(lists[i]);
  int error = shm_parse_options(domain, options == NULL ? "" : options);
  if (error == 0)
    error = open_descriptors(domain);
  if (error == 0)
    error = shm_bridge_start(domain);
  if (error != 0) {
    free_domain(domain);
    return error;
  }
  *opened = domain;
  return 0;
}

int shim_domain_close(struct shim_domain *domain) {
  while (!shim_list_is_empty(&domain->endpoints))
    (void)shim_endpoint_close(SHIM_CONTAINER(domain->endpoints.next, struct shim_endpoint, link));
  while (!shim_list_is_empty(&domain->listeners))
    (void)shim_listener_close(SHIM_CONTAINER(domain->listeners.next, struct shim_listener, link));
  while (!shim_list_is_empty(&domain->requests))
    (void)shim_request_reject(SHIM_CONTAINER(domain->requests.next, struct shim_request, link), NULL, 0);
  while (!shim_list_is_empty(&domain->queues))
    (void)shim_queue_close(SHIM_CONTAINER(domain->queues.next, struct shim_queue, link));
  while (!shim_list_is_empty(&domain->regions))
    (void)shim_region_close(SHIM_CONTAINER(domain->regions.next, struct shim_region, link));
  shm_bridge_stop(domain);
  free_domain(domain);
  return 0;
}

int shim_domain_capabilities(struct shim_domain *domain, struct shim_capabilities *capabilities) {
  *capabilities = (struct shim_capabilities){
      .abi_version = SHIM_ABI_VERSION,
      .endpoint_kind = SHIM_CONNECTED,
      .atomics = SHIM_ATOMICS_NATIVE,
      .waiting = SHIM_WAIT_FD,
      .max_private_data = SHIM_MAX_PRIVATE_DATA,
      .max_inline = SHM_MAX_SEND_BYTES,
      .max_segments = SHIM_MAX_SEGMENTS,
      .crosses_hosts = 0,
      .direct_map = domain->direct_map,
      .max_send_bytes = SHM_MAX_SEND_BYTES,
      .max_queue_depth = SHM_MAX_ENTRIES,
  };
  return 0;
}

int shim_domain_event_fd(struct shim_domain *domain) {
  return domain->events.fd;
}

int shim_domain_next_event(struct shim_domain *domain, struct shim_event *event) {
  shm_lock(domain);
  int taken = shim_event_take(&domain->events, event);
  shm_unlock(domain);
  return taken;
}
