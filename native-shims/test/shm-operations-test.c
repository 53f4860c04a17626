/* SPDX-License-Identifier: BSD-3-Clause */
/* Every request between two domains of one process: what it does, what it completes with, and what it refuses. */
#define _GNU_SOURCE
#include "support/shm-fixture.h"

#include "support/resolving.h"

#include <errno.h>

static struct side client;
static struct side server;
static uint32_t forth; /* the server's region as a target of the client */

static void begin(void) {
  client = (struct side){.domain = fixture_domain("")};
  server = (struct side){.domain = fixture_domain("")};
  fixture_pair(&client, &server);
  struct shim_remote remote = fixture_remote(&server);
  int target = shim_endpoint_resolve(client.endpoint, &remote, 5000);
  CHECK(target >= 0);
  forth = (uint32_t)target;
}

static void end(void) {
  fixture_close(&client);
  fixture_close(&server);
}

static uint8_t *bytes_of(const struct side *side) {
  return (uint8_t *)(uintptr_t)side->info.address;
}

static uint32_t post_for_status(const struct shim_work *work) {
  CHECK_EQUAL(shim_post(client.endpoint, work), 0);
  struct shim_completion completion = fixture_completion(client.queue);
  CHECK_EQUAL(completion.opcode, work->opcode);
  CHECK_EQUAL(completion.wr_id, work->wr_id);
  return completion.status;
}

static void writes_gather_and_reads_scatter(void) {
  begin();
  for (int i = 0; i < 1000; i++)
    bytes_of(&client)[i] = (uint8_t)i;
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_SIGNALED, forth, 0, 100);
  work.wr_id = 77;
  work.target_offset = 4000;
  work.segment_count = 2;
  work.segments[1] = (struct shim_segment){work.segments[0].region, 300, 28};
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK(memcmp(bytes_of(&server) + 4000, bytes_of(&client), 100) == 0);
  CHECK(memcmp(bytes_of(&server) + 4100, bytes_of(&client) + 300, 28) == 0);
  work.opcode = SHIM_READ;
  work.segments[0].offset = 5000;
  work.segments[1].offset = 6000;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK(memcmp(bytes_of(&client) + 5000, bytes_of(&client), 100) == 0);
  CHECK(memcmp(bytes_of(&client) + 6000, bytes_of(&client) + 300, 28) == 0);
  end();
}

static void atomics_return_what_was_there(void) {
  begin();
  uint64_t *word = (uint64_t *)(uintptr_t)(server.info.address + 64);
  uint64_t *before = (uint64_t *)(uintptr_t)client.info.address;
  *word = UINT64_MAX;
  struct shim_work work = fixture_work(&client, SHIM_FETCH_ADD, SHIM_SIGNALED, forth, 0, 8);
  work.target_offset = 64;
  work.operand = 3;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK(*before == UINT64_MAX && *word == 2);
  work.opcode = SHIM_COMPARE_SWAP;
  work.operand = 1;
  work.swap = 9;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK(*before == 2 && *word == 2);
  work.operand = 2;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK(*before == 2 && *word == 9);
  work.target_offset = 65;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  work.target_offset = 64;
  work.segments[0].length = 4;
  CHECK_EQUAL(post_for_status(&work), SHIM_LOCAL_LENGTH_ERROR);
  end();
}

static void sends_fill_the_oldest_buffer(void) {
  begin();
  struct shim_completion completion;
  struct shim_work work = fixture_work(&client, SHIM_SEND, SHIM_IMMEDIATE, 0, 0, 5);
  while (shim_post(client.endpoint, &work) == 0 && shim_queue_poll(client.queue, &completion, 1) == 0)
    CHECK_EQUAL(fixture_completion(server.queue).opcode, SHIM_RECEIVE); /* the fixture's 32 empty receives */
  CHECK_EQUAL(completion.status, SHIM_RECEIVER_NOT_READY);
  CHECK_EQUAL(shim_post_receive(server.endpoint, server.region, 0, 1024, 1, 1), 0);
  CHECK_EQUAL(shim_post_receive(server.endpoint, server.region, 1024, 64512, 2, 1), 0);
  CHECK_EQUAL(shim_post_receive(server.endpoint, server.region, 0, 4, 3, 1), 0);
  (void)memset(bytes_of(&client), 'x', 65536);
  static const uint32_t lengths[] = {700, 64512, 5};
  for (uint32_t i = 0; i < 3; i++) {
    work.immediate = i;
    work.segments[0].length = lengths[i];
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  }
  for (uint32_t i = 0; i < 3; i++) {
    completion = fixture_completion(server.queue);
    CHECK_EQUAL(completion.opcode, SHIM_RECEIVE);
    CHECK_EQUAL(completion.wr_id, i + 1u);
    CHECK_EQUAL(completion.flags, SHIM_IMMEDIATE);
    CHECK_EQUAL(completion.immediate, i);
    CHECK_EQUAL(completion.byte_length, lengths[i]);
    CHECK_EQUAL(completion.status, i == 2 ? SHIM_LOCAL_LENGTH_ERROR : SHIM_SUCCESS);
  }
  CHECK(bytes_of(&server)[699] == 'x' && bytes_of(&server)[700] == 0 && bytes_of(&server)[65535] == 'x');
  end();
}

static void a_receive_into_a_closed_region_writes_nothing(void) {
  begin();
  struct shim_completion completion;
  struct shim_region_info info;
  struct shim_region *region = fixture_region(server.domain, 4096, SHIM_LOCAL_WRITE, 0, &info);
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_IMMEDIATE, 0, 0, 0);
  for (int i = 0; i < 32; i++) {
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
    CHECK_EQUAL(fixture_completion(server.queue).opcode, SHIM_RECEIVE_WRITE_IMMEDIATE);
  }
  CHECK_EQUAL(shim_post_receive(server.endpoint, region, 0, 4096, 8, 1), 0);
  CHECK_EQUAL(shim_region_close(region), 0);
  CHECK_EQUAL(shim_unmap(info.address, info.mapped_length), 0);
  work = fixture_work(&client, SHIM_SEND, 0, 0, 0, 10);
  CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  completion = fixture_completion(server.queue);
  CHECK_EQUAL(completion.wr_id, 8);
  CHECK_EQUAL(completion.status, SHIM_LOCAL_PROTECTION_ERROR);
  end();
}

static void an_immediate_without_credit_writes_nothing(void) {
  begin();
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_IMMEDIATE, forth, 0, 4);
  for (uint32_t i = 0; i < 32; i++) {
    work.immediate = 0xfffffff0u + i;
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  }
  (void)memset(bytes_of(&client), 0xff, 4);
  work.wr_id = 5;
  CHECK_EQUAL(post_for_status(&work), SHIM_RECEIVER_NOT_READY);
  CHECK_EQUAL(bytes_of(&server)[0], 0);
  for (uint32_t i = 0; i < 32; i++) {
    struct shim_completion completion = fixture_completion(server.queue);
    CHECK_EQUAL(completion.immediate, 0xfffffff0u + i);
    CHECK_EQUAL(completion.wr_id, 0);
  }
  CHECK_EQUAL(shim_post_receive(server.endpoint, NULL, 0, 0, 0, 1), 0);
  CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  CHECK_EQUAL(fixture_completion(server.queue).byte_length, 4);
  CHECK_EQUAL(bytes_of(&server)[0], 0xff);
  end();
}

static void bounds_and_access_are_checked(void) {
  begin();
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_SIGNALED, forth, 65535, 1);
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  work.target_offset = 65536;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  work.target_offset = UINT64_MAX;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  work.target_offset = 0;
  work.target = 1000;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  work.target = forth;
  work.segments[0].length = 2;
  CHECK_EQUAL(post_for_status(&work), SHIM_LOCAL_PROTECTION_ERROR);
  work.segments[0] = (struct shim_segment){work.segments[0].region, UINT64_MAX, 2};
  CHECK_EQUAL(post_for_status(&work), SHIM_LOCAL_PROTECTION_ERROR);
  work.segments[0] = (struct shim_segment){(uint64_t)(uintptr_t)server.region, 0, 2};
  CHECK_EQUAL(post_for_status(&work), SHIM_LOCAL_PROTECTION_ERROR);

  struct shim_region_info info;
  struct shim_region *region = fixture_region(server.domain, 100, SHIM_LOCAL_WRITE | SHIM_REMOTE_READ, 0, &info);
  struct shim_remote remote = {.rkey = info.rkey, .length = 100};
  int target = shim_endpoint_resolve(client.endpoint, &remote, 5000);
  CHECK(target >= 0);
  work = fixture_work(&client, SHIM_WRITE, SHIM_SIGNALED, (uint32_t)target, 0, 8);
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  work.opcode = SHIM_FETCH_ADD;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  work.opcode = SHIM_READ;
  ((uint8_t *)(uintptr_t)info.address)[0] = 42; /* the owner still writes */
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK_EQUAL(bytes_of(&client)[0], 42);
  remote.length = 101;
  CHECK_EQUAL(shim_endpoint_resolve(client.endpoint, &remote, 5000), -ERANGE);
  remote = (struct shim_remote){.address = 64, .rkey = info.rkey, .length = 36};
  target = shim_endpoint_resolve(client.endpoint, &remote, 5000);
  CHECK(target >= 0);
  work.target = (uint32_t)target;
  work.target_offset = 28;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  work.target_offset = 29;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);

  remote = (struct shim_remote){.rkey = info.rkey + 1u, .length = 1};
  CHECK_EQUAL(shim_endpoint_resolve(client.endpoint, &remote, 5000), -EACCES);
  remote = fixture_remote(&client); /* a region of the asker's domain, not of the peer's */
  CHECK_EQUAL(shim_endpoint_resolve(client.endpoint, &remote, 5000), -EACCES);
  CHECK_EQUAL(shim_region_close(region), 0);
  CHECK_EQUAL(shim_unmap(info.address, info.mapped_length), 0);
  region = fixture_region(server.domain, 100, SHIM_LOCAL_WRITE, SHIM_REGION_FILE, &info);
  remote = (struct shim_remote){.rkey = info.rkey, .length = 1};
  CHECK_EQUAL(shim_endpoint_resolve(client.endpoint, &remote, 5000), -EACCES);
  CHECK_EQUAL(shim_region_close(region), 0);
  CHECK_EQUAL(shim_unmap(info.address, info.mapped_length), 0);
  end();
}

static void resolving_need_not_wait(void) {
  begin();
  check_resolving(&client, &server);
  end();
}

static void requests_that_are_none_are_refused(void) {
  begin();
  struct shim_work work = fixture_work(&client, SHIM_RECEIVE, 0, forth, 0, 1);
  CHECK_EQUAL(shim_post(client.endpoint, &work), -EINVAL);
  work.opcode = SHIM_READ;
  work.flags = SHIM_IMMEDIATE;
  CHECK_EQUAL(shim_post(client.endpoint, &work), -EINVAL);
  work.flags = 1u << 20;
  CHECK_EQUAL(shim_post(client.endpoint, &work), -EINVAL);
  work.flags = 0;
  work.segment_count = SHIM_MAX_SEGMENTS + 1u;
  CHECK_EQUAL(shim_post(client.endpoint, &work), -EINVAL);
  CHECK(strlen(fixture_error()) > 10);
  CHECK_EQUAL(shim_post_receive(client.endpoint, NULL, 0, 0, 0, 33), -ENOBUFS); /* 32 of 64 are posted */
  CHECK_EQUAL(shim_post_receive(client.endpoint, client.region, 65000, 1000, 0, 1), -EINVAL);
  CHECK_EQUAL(shim_post_receive(client.endpoint, NULL, 0, 0, 0, 32), 0);
  CHECK_EQUAL(shim_post_receive(client.endpoint, NULL, 0, 0, 0, 1), -ENOBUFS);
  end();
}

static void a_full_send_queue_refuses(void) {
  begin();
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_SIGNALED, forth, 0, 1);
  for (int i = 0; i < 64; i++)
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  CHECK_EQUAL(shim_post(client.endpoint, &work), -ENOBUFS);
  struct shim_completion completions[64];
  CHECK_EQUAL(shim_queue_poll(client.queue, completions, 64), 64);
  CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  end();
}

static void placed_bytes_travel_as_a_length(void) {
  begin();
  uint64_t address;
  uint64_t mapped;
  CHECK_EQUAL(shim_endpoint_map(client.endpoint, forth, &address, &mapped), 0);
  CHECK_EQUAL(mapped, 65536);
  ((uint8_t *)(uintptr_t)address)[9] = 1;
  CHECK_EQUAL(bytes_of(&server)[9], 1);
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_PLACED | SHIM_IMMEDIATE, .target = forth, .operand = 70};
  CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  CHECK_EQUAL(fixture_completion(server.queue).byte_length, 70);
  work.flags |= SHIM_SIGNALED;
  work.operand = 65537;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  CHECK_EQUAL(shim_endpoint_close(client.endpoint), 0);
  CHECK_EQUAL(((uint8_t *)(uintptr_t)address)[9], 0); /* a stale view reads zeros */
  CHECK_EQUAL(shim_unmap(address, mapped), 0);
  end();
}

int main(void) {
  fixture_start();
  RUN(writes_gather_and_reads_scatter);
  RUN(atomics_return_what_was_there);
  RUN(sends_fill_the_oldest_buffer);
  RUN(a_receive_into_a_closed_region_writes_nothing);
  RUN(an_immediate_without_credit_writes_nothing);
  RUN(bounds_and_access_are_checked);
  RUN(resolving_need_not_wait);
  RUN(requests_that_are_none_are_refused);
  RUN(a_full_send_queue_refuses);
  RUN(placed_bytes_travel_as_a_length);
  return 0;
}
