/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bridge: one thread a domain. It serves the TCP connections and libfabric's connection events, and looks after the
 * ports while the owner does not poll, so that peers can read and write this side's memory at any time.
 *
 * While the owner polls, the bridge stays away: it only looks now and then whether the owner still does.
 */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "../common/glibc-compat.h"
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_BYTES (512u * 1024u)
#define BATCH 32
#define MOST_PATIENCE_MS 32u
#define PATIENCE_OWED_MS 1u /* where an event loop waits */
#define SHORTEST_POLL_MS 1u /* where something must be polled */
#define LONGEST_POLL_MS 4u
#define VAIN_POLLS 64u /* of one length, before the next one is twice as long */

int fabric_watch_add(struct shim_domain *domain, int fd, uint32_t events, struct fabric_watch *watch) {
  struct epoll_event event = {.events = events, .data.ptr = watch};
  if (epoll_ctl(domain->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    return shim_fail(errno, "cannot watch a descriptor (epoll_ctl: %s)", shim_errno_name(errno));
  return 0;
}

void fabric_watch_change(struct shim_domain *domain, int fd, uint32_t events, struct fabric_watch *watch) {
  struct epoll_event event = {.events = events, .data.ptr = watch};
  (void)epoll_ctl(domain->epoll, EPOLL_CTL_MOD, fd, &event);
}

void fabric_watch_ports(struct shim_domain *domain, bool on) {
  if (domain->watching == on)
    return;
  domain->watching = on;
  /* Out of the epoll, not only muted in it: what wakes the ports would take its way through there. */
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &domain->ports_watch};
  (void)epoll_ctl(domain->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, domain->ports_epoll, &event);
}

void fabric_bridge_kick(struct shim_domain *domain) {
  uint64_t one = 1;
  /* Only a full counter could refuse, and that one wakes too. */
  ssize_t written = write(domain->control, &one, sizeof one);
  (void)written;
}

static void clear_control(struct shim_domain *domain) {
  uint64_t count;
  ssize_t bytes = read(domain->control, &count, sizeof count);
  (void)bytes;
}

/* Milliseconds until what must be polled is looked at again: the longer nothing came, the more. */
static int poll_again(struct shim_domain *domain, bool some_came) {
  if (some_came || domain->poll_ms == 0) {
    domain->poll_ms = SHORTEST_POLL_MS;
    domain->vain_polls = 0;
  } else if (++domain->vain_polls > VAIN_POLLS && domain->poll_ms < LONGEST_POLL_MS) {
    domain->poll_ms *= 2u;
    domain->vain_polls = 0;
  }
  return (int)domain->poll_ms;
}

/* How long until the ports want the bridge again; -1: until one is ready, or it is kicked. */
static int look_after_ports(struct shim_domain *domain) {
  if (shim_list_is_empty(&domain->ports))
    return -1;
  /* Whoever polls after arming is not in its event loop, and finds by itself what the others wait for. */
  bool in_event_loop = domain->owed > 0 && domain->activity == domain->activity_armed;
  bool active = domain->activity != domain->activity_seen && !in_event_loop;
  domain->activity_seen = domain->activity;
  if (domain->sleeping || active)
    fabric_watch_ports(domain, false);
  if (domain->sleeping && !active) {
    domain->bridge_idle = true;
    return -1;
  }
  if (active) {
    domain->poll_ms = 0;
    uint32_t longest = domain->owed > 0 ? PATIENCE_OWED_MS : MOST_PATIENCE_MS;
    domain->patience = domain->patience < longest ? domain->patience * 2u : longest;
    return (int)domain->patience;
  }
  domain->patience = 1;
  uint64_t came = domain->came;
  fabric_progress(domain);
  if (!fabric_may_sleep(domain))
    return poll_again(domain, domain->came != came);
  fabric_watch_ports(domain, true);
  return -1;
}

static int sooner(int a, int b) {
  return a < 0 ? b : b < 0 || a < b ? a : b;
}

static void *run(void *argument) {
  struct shim_domain *domain = argument;
  struct epoll_event events[BATCH];
  (void)prctl(PR_SET_NAME, "rdmalib-fabric");
  fabric_lock(domain);
  while (!domain->stopping) {
    fabric_graves_empty(domain);
    if (domain->eq != NULL)
      fabric_eq_read(domain);
    int timeout = sooner(fabric_expire(domain), look_after_ports(domain));
    fabric_unlock(domain);
    int count = epoll_wait(domain->epoll, events, BATCH, timeout);
    (void)__atomic_fetch_add(&domain->wanted, 1u, __ATOMIC_SEQ_CST);
    fabric_lock(domain);
    (void)__atomic_fetch_sub(&domain->wanted, 1u, __ATOMIC_SEQ_CST);
    for (int i = 0; i < count; i++) {
      struct fabric_watch *watch = events[i].data.ptr;
      if (watch->kind == FABRIC_CONTROL_FD)
        clear_control(domain);
      else if (watch->kind == FABRIC_LISTENER)
        fabric_listener_ready((struct shim_listener *)(void *)watch);
      else if (watch->kind == FABRIC_LINK)
        fabric_link_ready((struct fabric_link *)(void *)watch, events[i].events);
      /* Ports and libfabric's events are looked at in any case. */
    }
    fabric_doom_fulfil(domain);
  }
  fabric_unlock(domain);
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

int fabric_bridge_start(struct shim_domain *domain) {
  domain->control_watch.kind = FABRIC_CONTROL_FD;
  domain->ports_watch.kind = FABRIC_PORTS;
  domain->eq_watch.kind = FABRIC_EQ;
  int error = fabric_watch_add(domain, domain->control, EPOLLIN, &domain->control_watch);
  if (error == 0 && domain->eq != NULL)
    error = fabric_watch_add(domain, domain->eq_fd, EPOLLIN, &domain->eq_watch);
  if (error != 0)
    return error;
  sigset_t all;
  sigset_t previous;
  (void)sigfillset(&all);
  (void)sigprocmask(SIG_SETMASK, &all, &previous);
  error = create_thread(domain);
  (void)sigprocmask(SIG_SETMASK, &previous, NULL);
  if (error != 0)
    return shim_fail(error, "cannot start the bridge thread of a libfabric domain (pthread_create: %s)",
                     shim_errno_name(error));
  return 0;
}

void fabric_bridge_stop(struct shim_domain *domain) {
  fabric_lock(domain);
  domain->stopping = true;
  fabric_bridge_kick(domain);
  fabric_unlock(domain);
  (void)pthread_join(domain->bridge, NULL);
}
