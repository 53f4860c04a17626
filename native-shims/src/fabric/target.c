/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Targets: regions that a peer told about. The peer's bridge is asked what it knows under the key, since providers
 * differ in what they tell of a wrong one: some end the connection, some say nothing at all. What may be done with a
 * region is then checked here, before a request goes out, and by the peer's provider when it arrives.
 */
#include "../common/clock.h"
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define MAX_TARGETS 65536u

static int room(struct shim_endpoint *endpoint) {
  if (endpoint->target_count == MAX_TARGETS)
    return shim_fail(ENOBUFS,
                     "endpoint %u has %u remote targets, and no more are possible; reuse regions or open another "
                     "endpoint",
                     endpoint->id, MAX_TARGETS);
  if (endpoint->target_count < endpoint->target_capacity)
    return 0;
  uint32_t capacity = endpoint->target_capacity == 0 ? 16u : endpoint->target_capacity * 2u;
  struct fabric_target *grown = realloc(endpoint->targets, capacity * sizeof *grown);
  if (grown == NULL)
    return shim_fail(ENOMEM, "no memory for %u remote targets", capacity);
  endpoint->targets = grown;
  endpoint->target_capacity = capacity;
  return 0;
}

static void send_query(struct shim_endpoint *endpoint, const struct shim_remote *remote) {
  struct fabric_query query = {
      .id = ++endpoint->queries, .key = remote->rkey, .address = remote->address, .length = remote->length};
  endpoint->asked = *remote;
  endpoint->tcp->reply_came = false;
  fabric_link_send(endpoint->tcp, FABRIC_QUERY, &query, sizeof query);
}

static int wait_for_reply(struct shim_endpoint *endpoint, uint32_t milliseconds) {
  struct shim_domain *domain = endpoint->domain;
  uint64_t deadline = shim_now() + (uint64_t)milliseconds * SHIM_NANOSECONDS_PER_MILLISECOND;
  struct timespec until = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
  while (endpoint->state == SHIM_ESTABLISHED && endpoint->tcp != NULL) {
    if (endpoint->tcp->reply_came && endpoint->tcp->reply.id == endpoint->queries)
      return 0;
    if (milliseconds == 0)
      return -EINPROGRESS;
    if (pthread_cond_timedwait(&domain->changed, &domain->lock, &until) != 0 && shim_now() >= deadline)
      return shim_fail(ETIMEDOUT, "resolving remote memory: %s port %u did not answer in %u ms", endpoint->peer,
                       endpoint->peer_port, milliseconds);
  }
  return shim_fail_not_connected("resolving remote memory", endpoint->id, endpoint->state, endpoint->end.text);
}

static int ask(struct shim_endpoint *endpoint, const struct shim_remote *remote, uint32_t milliseconds,
               struct fabric_reply *reply) {
  const struct shim_remote *asked = &endpoint->asked;
  if (!endpoint->asking || asked->rkey != remote->rkey || asked->address != remote->address ||
      asked->length != remote->length)
    send_query(endpoint, remote);
  endpoint->asking = false;
  int error = wait_for_reply(endpoint, milliseconds);
  endpoint->asking = error == -EINPROGRESS;
  if (error != 0)
    return error;
  *reply = endpoint->tcp->reply;
  if (reply->status == ERANGE)
    return shim_fail(ERANGE, "resolving remote memory: %llu bytes under key 0x%llx, and the peer's region is shorter",
                     (unsigned long long)remote->length, (unsigned long long)remote->rkey);
  if (reply->status != 0)
    return shim_fail(EACCES, "resolving remote memory: %s port %u knows no memory under key 0x%llx, or grants nothing",
                     endpoint->peer, endpoint->peer_port, (unsigned long long)remote->rkey);
  return 0;
}

static int resolve(struct shim_endpoint *endpoint, const struct shim_remote *remote, uint32_t milliseconds) {
  struct fabric_reply reply;
  if (remote->length > UINT64_MAX - remote->address)
    return shim_fail(ERANGE, "resolving remote memory: %llu bytes at 0x%llx do not exist",
                     (unsigned long long)remote->length, (unsigned long long)remote->address);
  for (uint32_t i = endpoint->target_count; i-- > 0;) {
    const struct fabric_target *target = &endpoint->targets[i];
    if (target->rkey == remote->rkey && target->address == remote->address &&
        remote->address + remote->length <= target->end)
      return (int)i;
  }
  int error = room(endpoint);
  if (error == 0)
    error = ask(endpoint, remote, milliseconds, &reply);
  if (error != 0)
    return error;
  endpoint->targets[endpoint->target_count] =
      (struct fabric_target){remote->address, remote->rkey, reply.start, reply.end, reply.access};
  return (int)endpoint->target_count++;
}

int shim_endpoint_resolve(struct shim_endpoint *endpoint, const struct shim_remote *remote, uint32_t milliseconds) {
  struct shim_domain *domain = endpoint->domain;
  fabric_lock(domain);
  int target =
      endpoint->state != SHIM_ESTABLISHED || endpoint->tcp == NULL
          ? shim_fail_not_connected("resolving remote memory", endpoint->id, endpoint->state, endpoint->end.text)
          : resolve(endpoint, remote, milliseconds);
  fabric_unlock(domain);
  return target;
}

int shim_endpoint_map(struct shim_endpoint *endpoint, uint32_t target, uint64_t *address, uint64_t *mapped_length) {
  (void)target;
  (void)address;
  (void)mapped_length;
  return shim_fail(EOPNOTSUPP, "mapping remote memory on endpoint %u: libfabric cannot map a peer's memory",
                   endpoint->id);
}
