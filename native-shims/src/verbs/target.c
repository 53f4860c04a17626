/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets: what a peer told about its regions. The device of the peer checks keys, so nobody is asked. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_TARGETS 65536u

static bool is_same(const struct verbs_target *target, const struct shim_remote *remote) {
  return target->rkey == remote->rkey && target->address == remote->address;
}

static int add(struct shim_endpoint *endpoint, const struct shim_remote *remote) {
  if (endpoint->target_count == MAX_TARGETS)
    return shim_fail(ENOBUFS,
                     "endpoint %u has %u remote targets, and no more are possible; reuse regions or open "
                     "another endpoint",
                     endpoint->id, MAX_TARGETS);
  if (endpoint->target_count == endpoint->target_capacity) {
    uint32_t capacity = endpoint->target_capacity == 0 ? 16u : endpoint->target_capacity * 2u;
    struct verbs_target *grown = realloc(endpoint->targets, capacity * sizeof *grown);
    if (grown == NULL)
      return shim_fail(ENOMEM, "no memory for %u remote targets", capacity);
    endpoint->targets = grown;
    endpoint->target_capacity = capacity;
  }
  endpoint->targets[endpoint->target_count] =
      (struct verbs_target){remote->address, remote->length, (uint32_t)remote->rkey};
  return (int)endpoint->target_count++;
}

int shim_endpoint_resolve(struct shim_endpoint *endpoint, const struct shim_remote *remote, uint32_t milliseconds) {
  (void)milliseconds;
  int32_t state = __atomic_load_n(&endpoint->state, __ATOMIC_ACQUIRE);
  if (state != SHIM_ESTABLISHED)
    return shim_fail_not_connected("resolving remote memory", endpoint->id, state, endpoint->end.text);
  if (remote->rkey > UINT32_MAX)
    return shim_fail(EACCES, "resolving remote memory: key 0x%llx is none of verbs, whose keys have 32 bits",
                     (unsigned long long)remote->rkey);
  if (remote->length > UINT64_MAX - remote->address)
    return shim_fail(ERANGE, "resolving remote memory: %llu bytes at 0x%llx do not exist",
                     (unsigned long long)remote->length, (unsigned long long)remote->address);
  for (uint32_t i = endpoint->target_count; i-- > 0;)
    if (is_same(&endpoint->targets[i], remote)) {
      if (remote->length > endpoint->targets[i].length)
        endpoint->targets[i].length = remote->length;
      return (int)i;
    }
  return add(endpoint, remote);
}

int shim_endpoint_map(struct shim_endpoint *endpoint, uint32_t target, uint64_t *address, uint64_t *mapped_length) {
  (void)target;
  (void)address;
  (void)mapped_length;
  return shim_fail(EOPNOTSUPP, "mapping remote memory on endpoint %u: verbs cannot map a peer's memory", endpoint->id);
}
