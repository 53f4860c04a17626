/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "../common/glibc-compat.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define MOST_QUEUE_DEPTH 8192u
#define LANDING_BYTES 64u
#define LINGER_MS 200u

uint32_t fabric_next_id(void) {
  static uint32_t last;
  uint32_t id;
  do
    id = __atomic_add_fetch(&last, 1u, __ATOMIC_RELAXED) & INT32_MAX;
  while (id == 0);
  return id;
}

void fabric_lock(struct shim_domain *domain) {
  (void)pthread_mutex_lock(&domain->lock);
}

void fabric_unlock(struct shim_domain *domain) {
  (void)pthread_mutex_unlock(&domain->lock);
}

void fabric_random(void *bytes, uint32_t count) {
  uint8_t *to = bytes;
  while (count > 0) {
    ssize_t got = getrandom(to, count, 0);
    if (got <= 0)
      continue;
    to += got;
    count -= (uint32_t)got;
  }
}

int fabric_fail(const struct shim_domain *domain, const char *call, int64_t result, const char *attempt) {
  int error = result < 0 && result > -256 ? (int)-result : EIO;
  return shim_fail(error, "%s: libfabric's provider %s refuses (%s: %s)%s", attempt,
                   domain->info != NULL ? domain->info->fabric_attr->prov_name : domain->options.provider, call,
                   fi_strerror((int)-result),
                   error == EMFILE ? "; descriptors are exhausted, raise \"ulimit -n\"" : "");
}

static void close_if_open(int fd) {
  if (fd >= 0)
    (void)close(fd);
}

static void close_fid(struct fid *fid) {
  (void)fi_close(fid);
}

static void close_libfabric(struct shim_domain *domain) {
  fabric_port_close(&domain->port);
  fabric_ops_free(domain);
  while (!shim_list_is_empty(&domain->passives)) {
    struct fabric_passive *passive = SHIM_CONTAINER(domain->passives.next, struct fabric_passive, link);
    shim_list_remove(&passive->link);
    close_fid(&passive->pep->fid);
    free(passive);
  }
  if (domain->av != NULL)
    close_fid(&domain->av->fid);
  if (domain->domain != NULL)
    close_fid(&domain->domain->fid);
  if (domain->eq != NULL)
    close_fid(&domain->eq->fid);
  if (domain->fabric != NULL)
    close_fid(&domain->fabric->fid);
  if (domain->info != NULL)
    fi_freeinfo(domain->info);
}

static void free_domain(struct shim_domain *domain) {
  fabric_sweep(domain);
  close_libfabric(domain);
  int descriptors[] = {domain->epoll, domain->control, domain->ports_epoll, domain->wake_fd};
  for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++)
    close_if_open(descriptors[i]);
  shim_events_close(&domain->events);
  (void)pthread_cond_destroy(&domain->changed);
  (void)pthread_mutex_destroy(&domain->lock);
  free(domain->slots);
  free(domain);
}

static struct shim_domain *make(void) {
  struct shim_domain *domain = calloc(1, sizeof *domain);
  if (domain == NULL)
    return NULL;
  pthread_mutexattr_t adaptive;
  (void)pthread_mutexattr_init(&adaptive);
  (void)pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
  (void)pthread_mutex_init(&domain->lock, &adaptive);
  (void)pthread_mutexattr_destroy(&adaptive);
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_cond_init(&domain->changed, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  domain->epoll = domain->control = -1;
  domain->ports_epoll = domain->wake_fd = domain->eq_fd = -1;
  domain->patience = 1;
  shim_events_init(&domain->events);
  struct shim_list *lists[] = {
      &domain->regions, &domain->queues, &domain->endpoints, &domain->listeners, &domain->requests,
      &domain->links,   &domain->graves, &domain->ports,     &domain->busy,      &domain->passives,
      &domain->stuck,   &domain->doomed, &domain->free_ops,  &domain->port.busy, &domain->closed_listeners,
      &domain->peers};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    shim_list_init(lists[i]);
  shim_list_init(&domain->port.link);
  return domain;
}

static int open_descriptors(struct shim_domain *domain) {
  domain->epoll = epoll_create1(EPOLL_CLOEXEC);
  domain->ports_epoll = epoll_create1(EPOLL_CLOEXEC);
  domain->control = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  domain->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int piped = shim_events_open(&domain->events);
  struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
  if (domain->epoll < 0 || domain->ports_epoll < 0 || domain->control < 0 || domain->wake_fd < 0 || piped < 0 ||
      epoll_ctl(domain->ports_epoll, EPOLL_CTL_ADD, domain->wake_fd, &wake) != 0)
    return shim_fail(errno, "cannot open a libfabric domain (epoll, eventfd and pipe: %s)%s", shim_errno_name(errno),
                     errno == EMFILE ? "; descriptors are exhausted, raise \"ulimit -n\"" : "");
  return 0;
}

static int open_rdm(struct shim_domain *domain) {
  struct fi_av_attr attributes = {.type = domain->info->domain_attr->av_type};
  if (attributes.type == FI_AV_UNSPEC)
    attributes.type = FI_AV_TABLE;
  int answer = fi_av_open(domain->domain, &attributes, &domain->av, NULL);
  if (answer != 0)
    return fabric_fail(domain, "fi_av_open", answer, "cannot open an address vector");
  size_t most = domain->info->tx_attr->size + domain->info->rx_attr->size;
  int error = fabric_port_open(&domain->port, domain, domain->info, (uint32_t)(most > 65536u ? 65536u : most));
  return error == 0 ? fabric_bounces_open(domain) : error;
}

static int open_msg(struct shim_domain *domain) {
  struct fi_eq_attr attributes = {.size = 4096, .wait_obj = FI_WAIT_FD};
  int answer = fi_eq_open(domain->fabric, &attributes, &domain->eq, NULL);
  if (answer != 0)
    return fabric_fail(domain, "fi_eq_open", answer, "cannot open an event queue");
  answer = fi_control(&domain->eq->fid, FI_GETWAIT, &domain->eq_fd);
  return answer == 0 ? 0 : fabric_fail(domain, "FI_GETWAIT", answer, "cannot wait for connection events");
}

static int open_libfabric(struct shim_domain *domain) {
  int error = fabric_find_provider(domain);
  if (error != 0)
    return error;
  fabric_sweep(domain);
  int answer = fi_fabric(domain->info->fabric_attr, &domain->fabric, NULL);
  if (answer != 0)
    return fabric_fail(domain, "fi_fabric", answer, "cannot open the fabric");
  answer = fi_domain(domain->fabric, domain->info, &domain->domain, NULL);
  if (answer != 0)
    return fabric_fail(domain, "fi_domain", answer, "cannot open a domain");
  error = domain->is_rdm ? open_rdm(domain) : open_msg(domain);
  return error == 0 ? shim_region_open(domain, LANDING_BYTES, SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE | SHIM_REMOTE_READ,
                                       0, &domain->landing)
                    : error;
}

static void close_regions(struct shim_domain *domain) {
  if (domain->landing != NULL) {
    uint8_t *address = domain->landing->address;
    uint64_t bytes = domain->landing->mapped_length;
    (void)shim_region_close(domain->landing);
    (void)shim_unmap((uint64_t)(uintptr_t)address, bytes);
    domain->landing = NULL;
  }
  while (!shim_list_is_empty(&domain->regions))
    (void)shim_region_close(SHIM_CONTAINER(domain->regions.next, struct shim_region, link));
}

int shim_domain_open(const char *options, struct shim_domain **opened) {
  struct shim_domain *domain = make();
  if (domain == NULL)
    return shim_fail(ENOMEM, "no memory for a libfabric domain");
  int error = fabric_parse_options(&domain->options, options == NULL ? "" : options);
  if (error == 0)
    error = open_descriptors(domain);
  if (error == 0)
    error = open_libfabric(domain);
  if (error == 0)
    error = fabric_bridge_start(domain);
  if (error != 0) {
    close_regions(domain);
    free_domain(domain);
    return error;
  }
  *opened = domain;
  return 0;
}

/* Goodbyes are still on their way; peers answer them by closing. */
static void linger(struct shim_domain *domain) {
  uint64_t deadline = shim_now() + (uint64_t)LINGER_MS * SHIM_NANOSECONDS_PER_MILLISECOND;
  struct timespec until = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
  fabric_lock(domain);
  while (!shim_list_is_empty(&domain->links))
    if (pthread_cond_timedwait(&domain->changed, &domain->lock, &until) != 0)
      break;
  fabric_unlock(domain);
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
  linger(domain);
  fabric_bridge_stop(domain);
  while (!shim_list_is_empty(&domain->links))
    fabric_link_close(SHIM_CONTAINER(domain->links.next, struct fabric_link, link));
  fabric_graves_empty(domain);
  /* The bounce buffers go before their registration: the port first. */
  fabric_port_close(&domain->port);
  close_regions(domain);
  free_domain(domain);
  return 0;
}

static bool polls(const struct shim_domain *domain) {
  return strcmp(domain->options.wait, "poll") == 0 || (domain->is_rdm && domain->port.waits_by == FI_WAIT_NONE);
}

int shim_domain_capabilities(struct shim_domain *domain, struct shim_capabilities *capabilities) {
  *capabilities = (struct shim_capabilities){
      .abi_version = SHIM_ABI_VERSION,
      .endpoint_kind = domain->is_rdm ? SHIM_DATAGRAM : SHIM_CONNECTED,
      .atomics = domain->has_atomics ? SHIM_ATOMICS_NATIVE : SHIM_ATOMICS_NONE,
      .waiting = polls(domain) ? SHIM_WAIT_TIMED_POLL : SHIM_WAIT_FD,
      .max_private_data = SHIM_MAX_PRIVATE_DATA,
      .max_inline = FABRIC_MOST_INLINE,
      .max_segments = domain->max_segments,
      .crosses_hosts = domain->ip || (domain->info->caps & FI_REMOTE_COMM) != 0,
      .direct_map = 0,
      .max_send_bytes = (uint32_t)domain->max_send,
      .max_queue_depth = MOST_QUEUE_DEPTH,
  };
  return 0;
}

int shim_domain_event_fd(struct shim_domain *domain) {
  return domain->events.fd;
}

int shim_domain_next_event(struct shim_domain *domain, struct shim_event *event) {
  fabric_lock(domain);
  int taken = shim_event_take(&domain->events, event);
  fabric_unlock(domain);
  return taken;
}
