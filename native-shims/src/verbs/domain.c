/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FIRST_TABLE 64u

uint32_t verbs_next_id(void) {
  static uint32_t last;
  uint32_t id;
  do
    id = __atomic_add_fetch(&last, 1u, __ATOMIC_RELAXED) & INT32_MAX;
  while (id == 0);
  return id;
}

void verbs_lock(struct shim_domain *domain) {
  (void)pthread_mutex_lock(&domain->lock);
}

void verbs_unlock(struct shim_domain *domain) {
  (void)pthread_mutex_unlock(&domain->lock);
}

static uint32_t table_slot(uint32_t id, uint32_t mask) {
  return (id * 0x9e3779b1u >> 8) & mask;
}

struct shim_endpoint *verbs_find_endpoint(const struct shim_domain *domain, uint32_t id) {
  for (uint32_t i = table_slot(id, domain->table_mask);; i = (i + 1u) & domain->table_mask) {
    struct shim_endpoint *endpoint = domain->table[i];
    if (endpoint == NULL || endpoint->id == id)
      return endpoint;
  }
}

static void insert(struct shim_endpoint **table, uint32_t mask, struct shim_endpoint *endpoint) {
  uint32_t i = table_slot(endpoint->id, mask);
  while (table[i] != NULL)
    i = (i + 1u) & mask;
  table[i] = endpoint;
}

/* A table of `size` slots with everything of the old one but `without`. */
static int rebuild(struct shim_domain *domain, uint32_t size, const struct shim_endpoint *without) {
  struct shim_endpoint **table = calloc(size, sizeof(struct shim_endpoint *));
  if (table == NULL)
    return shim_fail(ENOMEM, "no memory for a table of %u endpoints", size);
  for (uint32_t i = 0; domain->table != NULL && i <= domain->table_mask; i++)
    if (domain->table[i] != NULL && domain->table[i] != without)
      insert(table, size - 1u, domain->table[i]);
  free(domain->table);
  domain->table = table;
  domain->table_mask = size - 1u;
  return 0;
}

int verbs_table_add(struct shim_domain *domain, struct shim_endpoint *endpoint) {
  uint32_t size = domain->table_mask + 1u;
  if ((domain->table_used + 1u) * 2u > size) {
    int error = rebuild(domain, size * 2u, NULL);
    if (error != 0)
      return error;
  }
  insert(domain->table, domain->table_mask, endpoint);
  domain->table_used++;
  return 0;
}

void verbs_table_remove(struct shim_domain *domain, const struct shim_endpoint *endpoint) {
  uint32_t mask = domain->table_mask;
  uint32_t hole = table_slot(endpoint->id, mask);
  while (domain->table[hole] != endpoint)
    hole = (hole + 1u) & mask;
  /* Whatever could not be in its own slot because of this one moves up. */
  for (uint32_t i = (hole + 1u) & mask; domain->table[i] != NULL; i = (i + 1u) & mask) {
    uint32_t home = table_slot(domain->table[i]->id, mask);
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      domain->table[hole] = domain->table[i];
      hole = i;
    }
  }
  domain->table[hole] = NULL;
  domain->table_used--;
}

static void close_if_open(int fd) {
  if (fd >= 0)
    (void)close(fd);
}

static void free_domain(struct shim_domain *domain) {
  if (domain->pd != NULL)
    (void)ibv_dealloc_pd(domain->pd);
  if (domain->channel != NULL)
    rdma_destroy_event_channel(domain->channel);
  close_if_open(domain->epoll);
  close_if_open(domain->control);
  shim_events_close(&domain->events);
  (void)pthread_mutex_destroy(&domain->lock);
  free(domain->table);
  free(domain);
}

void verbs_prepare_forks(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static bool prepared;
  (void)pthread_mutex_lock(&lock);
  /* Refused only where the process already used verbs without it; new kernels need no help. */
  if (!prepared)
    (void)ibv_fork_init();
  prepared = true;
  (void)pthread_mutex_unlock(&lock);
}

static int open_descriptors(struct shim_domain *domain) {
  domain->epoll = epoll_create1(EPOLL_CLOEXEC);
  domain->control = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int piped = shim_events_open(&domain->events);
  if (domain->epoll < 0 || domain->control < 0 || piped < 0)
    return shim_fail(errno, "cannot open a verbs domain (epoll, eventfd and pipe: %s)%s", shim_errno_name(errno),
                     errno == EMFILE ? "; descriptors are exhausted, raise \"ulimit -n\"" : "");
  domain->channel = rdma_create_event_channel();
  if (domain->channel == NULL)
    return verbs_unusable("cannot open rdma_cm", errno);
  int flags = fcntl(domain->channel->fd, F_GETFL);
  if (flags < 0 || fcntl(domain->channel->fd, F_SETFL, flags | O_NONBLOCK) != 0)
    return shim_fail(errno, "cannot make rdma_cm's events not block (fcntl: %s)", shim_errno_name(errno));
  return 0;
}

int shim_domain_open(const char *options, struct shim_domain **opened) {
  struct shim_domain *domain = calloc(1, sizeof *domain);
  if (domain == NULL)
    return shim_fail(ENOMEM, "no memory for a verbs domain");
  (void)pthread_mutex_init(&domain->lock, NULL);
  domain->epoll = domain->control = -1;
  shim_events_init(&domain->events);
  struct shim_list *lists[] = {&domain->regions, &domain->queues, &domain->endpoints, &domain->listeners,
                               &domain->requests};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    shim_list_init(lists[i]);
  int error = verbs_parse_options(&domain->options, options == NULL ? "" : options);
  verbs_prepare_forks();
  if (error == 0)
    error = rebuild(domain, FIRST_TABLE, NULL);
  if (error == 0)
    error = open_descriptors(domain);
  if (error == 0)
    error = verbs_device_open(domain);
  if (error == 0)
    error = verbs_bridge_start(domain);
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
  verbs_bridge_stop(domain);
  free_domain(domain);
  return 0;
}

int shim_domain_capabilities(struct shim_domain *domain, struct shim_capabilities *capabilities) {
  *capabilities = (struct shim_capabilities){
      .abi_version = SHIM_ABI_VERSION,
      .endpoint_kind = SHIM_CONNECTED,
      .atomics = domain->device.atomic_cap == IBV_ATOMIC_NONE ? SHIM_ATOMICS_NONE : SHIM_ATOMICS_NATIVE,
      .waiting = SHIM_WAIT_FD,
      .max_private_data = VERBS_PRIVATE_BYTES,
      .max_inline = domain->max_inline,
      .max_segments = domain->max_segments,
      .crosses_hosts = 1,
      .direct_map = 0,
      .max_send_bytes = domain->max_message,
      .max_queue_depth = (uint32_t)(domain->device.max_qp_wr / 4),
  };
  return 0;
}

int shim_domain_event_fd(struct shim_domain *domain) {
  return domain->events.fd;
}

int shim_domain_next_event(struct shim_domain *domain, struct shim_event *event) {
  verbs_lock(domain);
  int taken = shim_event_take(&domain->events, event);
  verbs_unlock(domain);
  return taken;
}
