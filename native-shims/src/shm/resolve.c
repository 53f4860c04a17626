/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets: a peer's regions, mapped on first use of their key. */
#include "../common/clock.h"
#include "../common/futex.h"
#include "internal.h"
#include "message.h"
#include "sealed-memory.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHANGING_ACCESS (SHIM_REMOTE_WRITE | SHIM_REMOTE_ATOMIC)
#define NONE UINT32_MAX

static uint32_t hash(uint64_t key, uint64_t offset) {
  uint64_t mixed = (key ^ (offset * 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
  return (uint32_t)(mixed >> 32);
}

static uint32_t find_target(const struct shim_endpoint *endpoint, uint64_t key, uint64_t offset) {
  if (endpoint->target_index == NULL)
    return NONE;
  for (uint32_t i = hash(key, offset);; i++) {
    uint32_t entry = endpoint->target_index[i & endpoint->target_index_mask];
    if (entry == 0)
      return NONE;
    const struct shm_target *target = &endpoint->targets[entry - 1u];
    if (target->key == key && target->offset == offset)
      return entry - 1u;
  }
}

static void index_target(struct shim_endpoint *endpoint, uint32_t target) {
  const struct shm_target *added = &endpoint->targets[target];
  uint32_t i = hash(added->key, added->offset);
  while (endpoint->target_index[i & endpoint->target_index_mask] != 0)
    i++;
  endpoint->target_index[i & endpoint->target_index_mask] = target + 1u;
}

/* Room for one more target, its index at most half full. */
static int grow_targets(struct shim_endpoint *endpoint) {
  if (endpoint->target_count < endpoint->target_capacity)
    return 0;
  if (endpoint->target_count >= SHM_MAX_TARGETS)
    return shim_fail(ENOBUFS,
                     "endpoint %u has %u remote targets, and no more are possible; reuse regions or open "
                     "another endpoint",
                     endpoint->id, SHM_MAX_TARGETS);
  uint32_t capacity = endpoint->target_capacity == 0 ? 16u : endpoint->target_capacity * 2u;
  struct shm_target *targets = realloc(endpoint->targets, capacity * sizeof *targets);
  if (targets != NULL)
    endpoint->targets = targets;
  uint32_t *index = calloc((size_t)capacity * 2u, sizeof *index);
  if (targets == NULL || index == NULL) {
    free(index);
    return shim_fail(ENOMEM, "no memory for %u remote targets", capacity);
  }
  free(endpoint->target_index);
  endpoint->target_index = index;
  endpoint->target_index_mask = capacity * 2u - 1u;
  endpoint->target_capacity = capacity;
  for (uint32_t i = 0; i < endpoint->target_count; i++)
    index_target(endpoint, i);
  return 0;
}

static int send_ask(struct shim_endpoint *endpoint, uint64_t key, uint64_t deadline) {
  struct shm_map ask = {.header = shm_make_header(SHM_ASK), .id = endpoint->ask_id, .key = key};
  for (;;) {
    int error = shm_send(endpoint->socket, &ask, sizeof ask, NULL, 0);
    if (error == 0)
      return 0;
    if (error != -EAGAIN)
      return shim_fail(ENOTCONN, "asking the peer for a key: the connection has ended (sendmsg: %s)",
                       shim_errno_name(-error));
    uint64_t now = shim_now();
    if (now >= deadline)
      return shim_fail(ETIMEDOUT, "asking the peer for a key: its socket stays full");
    struct pollfd writable = {.fd = endpoint->socket, .events = POLLOUT};
    (void)poll(&writable, 1, (int)((deadline - now) / SHIM_NANOSECONDS_PER_MILLISECOND + 1u));
  }
}

static uint32_t await_answer(struct shim_endpoint *endpoint, uint64_t deadline) {
  for (;;) {
    uint32_t state = __atomic_load_n(&endpoint->ask_state, __ATOMIC_SEQ_CST);
    uint64_t now = shim_now();
    if (state != SHM_ASK_WAITING || now >= deadline)
      return state;
    shim_futex_wait(&endpoint->ask_state, SHM_ASK_WAITING, deadline - now);
  }
}

/* What the answer says, taken under the lock: 0 with a descriptor, or -errno with text. */
static int take_answer(struct shim_endpoint *endpoint, uint32_t state, struct shm_mapping *mapping, int *fd) {
  if (state == SHM_ASK_LOST)
    return shim_fail(ENOTCONN, "asking the peer for a key: the connection ended before the answer");
  if (state != SHM_ASK_ANSWERED)
    return shim_fail(ETIMEDOUT, "asking pid %d for a key: no answer in time; is that process stopped?",
                     (int)endpoint->peer.pid);
  *fd = endpoint->answer_fd;
  endpoint->answer_fd = -1;
  if (endpoint->answer_status == -EMFILE)
    return shim_fail(EMFILE, "asking the peer for a key: no descriptor came with the answer; they may be exhausted, "
                             "raise \"ulimit -n\"");
  if (endpoint->answer_status != 0)
    return shim_fail(EACCES, "the peer knows no open remote region with this key");
  mapping->length = endpoint->answer_length;
  mapping->access = endpoint->answer_access;
  mapping->guard = endpoint->answer_guard != 0;
  return 0;
}

/* Asks, unless a call that did not wait has asked the same. */
static int begin_to_ask(struct shim_endpoint *endpoint, uint64_t key, uint64_t deadline) {
  struct shim_domain *domain = endpoint->domain;
  shm_lock(domain);
  bool asked = __atomic_load_n(&endpoint->ask_state, __ATOMIC_SEQ_CST) != SHM_ASK_IDLE && endpoint->asked_key == key;
  bool connected = endpoint->state == SHIM_ESTABLISHED;
  if (!asked) {
    if (endpoint->answer_fd >= 0)
      (void)close(endpoint->answer_fd);
    endpoint->answer_fd = -1;
    endpoint->ask_id++;
    endpoint->asked_key = key;
    __atomic_store_n(&endpoint->ask_state, connected ? SHM_ASK_WAITING : SHM_ASK_LOST, __ATOMIC_SEQ_CST);
  }
  endpoint->ask_tells = false;
  shm_unlock(domain);
  return connected && !asked ? send_ask(endpoint, key, deadline) : 0;
}

/* Asks the owner of the key: 0 with a descriptor, or -errno with text. */
static int ask(struct shim_endpoint *endpoint, uint32_t milliseconds, struct shm_mapping *mapping, int *fd) {
  struct shim_domain *domain = endpoint->domain;
  uint64_t deadline = shim_now() + (uint64_t)milliseconds * SHIM_NANOSECONDS_PER_MILLISECOND;
  int error = begin_to_ask(endpoint, mapping->key, deadline);
  uint32_t state = error == 0 ? await_answer(endpoint, deadline) : SHM_ASK_LOST;
  shm_lock(domain);
  if (state == SHM_ASK_WAITING)
    state = __atomic_load_n(&endpoint->ask_state, __ATOMIC_SEQ_CST);
  endpoint->ask_tells = state == SHM_ASK_WAITING && milliseconds == 0;
  if (endpoint->ask_tells) {
    shm_unlock(domain);
    return -EINPROGRESS;
  }
  if (error == 0)
    error = take_answer(endpoint, state, mapping, fd);
  __atomic_store_n(&endpoint->ask_state, SHM_ASK_IDLE, __ATOMIC_SEQ_CST);
  shm_unlock(domain);
  return error;
}

static int map(struct shm_mapping *mapping, int fd) {
  if (mapping->length == 0 || mapping->length > INT64_MAX / 2)
    return shim_fail(EPROTO, "the peer announced a region of %llu bytes", (unsigned long long)mapping->length);
  mapping->pages = shm_round_up(mapping->length, shm_page_bytes());
  int error = shm_memory_verify(fd, mapping->pages);
  if (error != 0)
    return error;
  bool writable = (mapping->access & CHANGING_ACCESS) != 0;
  return shm_memory_map(fd, mapping->pages, writable, mapping->guard, &mapping->address, &mapping->mapped_length);
}

static int grow_mappings(struct shim_endpoint *endpoint) {
  if (endpoint->mapping_count < endpoint->mapping_capacity)
    return 0;
  uint32_t capacity = endpoint->mapping_capacity == 0 ? 8u : endpoint->mapping_capacity * 2u;
  struct shm_mapping *grown = realloc(endpoint->mappings, capacity * sizeof *grown);
  if (grown == NULL)
    return shim_fail(ENOMEM, "no memory for %u mappings of peers' regions", capacity);
  endpoint->mappings = grown;
  endpoint->mapping_capacity = capacity;
  return 0;
}

static int find_or_make_mapping(struct shim_endpoint *endpoint, uint64_t key, uint32_t milliseconds, uint32_t *found) {
  for (uint32_t i = 0; i < endpoint->mapping_count; i++)
    if (endpoint->mappings[i].key == key) {
      *found = i;
      return 0;
    }
  struct shm_mapping mapping = {.key = key};
  int fd = -1;
  int error = grow_mappings(endpoint);
  if (error == 0)
    error = ask(endpoint, milliseconds, &mapping, &fd);
  if (error == 0)
    error = map(&mapping, fd);
  if (fd >= 0)
    (void)close(fd);
  if (error != 0)
    return error;
  *found = endpoint->mapping_count;
  endpoint->mappings[endpoint->mapping_count++] = mapping;
  return 0;
}

static int check_range(const struct shim_remote *remote, uint64_t length) {
  if (remote->address <= length && remote->length <= length - remote->address)
    return 0;
  return shim_fail(ERANGE, "bytes %llu to %llu of a peer's region that has %llu", (unsigned long long)remote->address,
                   (unsigned long long)(remote->address + remote->length), (unsigned long long)length);
}

int shim_endpoint_resolve(struct shim_endpoint *endpoint, const struct shim_remote *remote, uint32_t milliseconds) {
  uint32_t known = find_target(endpoint, remote->rkey, remote->address);
  if (known != NONE) {
    const struct shm_mapping *mapping = &endpoint->mappings[endpoint->targets[known].mapping];
    int error = check_range(remote, mapping->length);
    return error != 0 ? error : (int)known;
  }
  uint32_t index = 0;
  int error = grow_targets(endpoint);
  if (error == 0)
    error = find_or_make_mapping(endpoint, remote->rkey, milliseconds, &index);
  if (error == 0)
    error = check_range(remote, endpoint->mappings[index].length);
  if (error != 0)
    return error;
  const struct shm_mapping *mapping = &endpoint->mappings[index];
  uint32_t target = endpoint->target_count;
  endpoint->targets[target] = (struct shm_target){
      .address = mapping->address + remote->address,
      .length = mapping->length - remote->address,
      .access = mapping->access,
      .mapping = index,
      .key = remote->rkey,
      .offset = remote->address,
  };
  endpoint->target_count++;
  index_target(endpoint, target);
  return (int)target;
}

int shim_endpoint_map(struct shim_endpoint *endpoint, uint32_t target, uint64_t *address, uint64_t *mapped_length) {
  if (endpoint->domain->direct_map == 0)
    return shim_fail(EOPNOTSUPP, "this domain was opened with direct_map=0");
  if (target >= endpoint->target_count)
    return shim_fail(EINVAL, "endpoint %u has no target %u; resolve it first", endpoint->id, target);
  const struct shm_target *found = &endpoint->targets[target];
  struct shm_mapping *mapping = &endpoint->mappings[found->mapping];
  mapping->handed_out = true;
  *address = (uint64_t)(uintptr_t)found->address;
  *mapped_length = found->offset == 0 ? mapping->mapped_length : 0;
  return mapping->guard;
}

void shm_targets_close(struct shim_endpoint *endpoint) {
  for (uint32_t i = 0; i < endpoint->mapping_count; i++) {
    struct shm_mapping *mapping = &endpoint->mappings[i];
    if (mapping->handed_out)
      shm_memory_blank(mapping->address, mapping->pages);
    else
      (void)munmap(mapping->address, mapping->mapped_length);
  }
  free(endpoint->mappings);
  free(endpoint->targets);
  free(endpoint->target_index);
}
