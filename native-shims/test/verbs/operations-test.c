/* SPDX-License-Identifier: BSD-3-Clause */
/* Every request between two domains of one process: what it does, what it completes with, and what it refuses. */
#define _GNU_SOURCE
#include "fixture.h"

#include <errno.h>
#include <sys/mman.h>

static struct side client;
static struct side server;
static uint32_t forth; /* the server's region as a target of the client */

static void begin(void) {
  client = (struct side){.domain = fixture_domain("")};
  server = (struct side){.domain = fixture_domain("")};
  fixture_pair(&client, &server);
  forth = fixture_target(&client, &server);
}

static void end(void) {
  fixture_close(&client);
  fixture_close(&server);
}

static uint32_t post_for_status(const struct shim_work *work) {
  CHECK_EQUAL(shim_post(client.endpoint, work), 0);
  struct shim_completion completion = fixture_completion(client.queue);
  CHECK_EQUAL(completion.opcode, work->opcode);
  CHECK_EQUAL(completion.wr_id, work->wr_id);
  return completion.status;
}

static void the_device_says_what_it_can(void) {
  struct shim_capabilities capabilities;
  struct shim_domain *domain = fixture_domain("");
  CHECK_EQUAL(shim_domain_capabilities(domain, &capabilities), 0);
  (void)printf("inline %u, segments %u, message %u, queue %u, atomics %u\n", capabilities.max_inline,
               capabilities.max_segments, capabilities.max_send_bytes, capabilities.max_queue_depth,
               capabilities.atomics);
  CHECK(capabilities.max_inline >= 64 && capabilities.max_private_data == 56 && capabilities.crosses_hosts == 1);
  CHECK_EQUAL(shim_domain_close(domain), 0);
}

static void writes_gather_and_reads_scatter(void) {
  begin();
  for (int i = 0; i < 1000; i++)
    fixture_bytes(&client)[i] = (uint8_t)i;
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_SIGNALED, forth, 0, 100);
  work.wr_id = 77;
  work.target_offset = 4000;
  work.segment_count = 2;
  work.segments[1] = (struct shim_segment){work.segments[0].region, 300, 28};
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK(memcmp(fixture_bytes(&server) + 4000, fixture_bytes(&client), 100) == 0);
  CHECK(memcmp(fixture_bytes(&server) + 4100, fixture_bytes(&client) + 300, 28) == 0);
  work.opcode = SHIM_READ;
  work.segments[0].offset = 5000;
  work.segments[1].offset = 6000;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK(memcmp(fixture_bytes(&client) + 5000, fixture_bytes(&client), 100) == 0);
  CHECK(memcmp(fixture_bytes(&client) + 6000, fixture_bytes(&client) + 300, 28) == 0);
  end();
}

static void atomics_return_what_was_there(void) {
  begin();
  volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)(server.info.address + 64);
  volatile uint64_t *before = (volatile uint64_t *)(uintptr_t)client.info.address;
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

static void immediates_and_sends_arrive_with_their_length(void) {
  begin();
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_IMMEDIATE | SHIM_INLINE, forth, 0, 200);
  work.immediate = 0x80000001u;
  CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  struct shim_completion completion = fixture_completion(server.queue);
  CHECK_EQUAL(completion.opcode, SHIM_RECEIVE_WRITE_IMMEDIATE);
  CHECK_EQUAL(completion.byte_length, 200);
  CHECK_EQUAL(completion.immediate, 0x80000001u);
  for (int i = 0; i < 31; i++) {
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
    CHECK_EQUAL(fixture_completion(server.queue).status, SHIM_SUCCESS);
  }
  CHECK_EQUAL(shim_post_receive(server.endpoint, server.region, 1024, 64512, 5, 1), 0);
  (void)memset(fixture_bytes(&client), 'x', 65536);
  work = fixture_work(&client, SHIM_SEND, SHIM_IMMEDIATE | SHIM_SIGNALED, 0, 0, 64512);
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  completion = fixture_completion(server.queue);
  CHECK_EQUAL(completion.opcode, SHIM_RECEIVE);
  CHECK_EQUAL(completion.wr_id, 5);
  CHECK_EQUAL(completion.byte_length, 64512);
  CHECK_EQUAL(completion.flags, SHIM_IMMEDIATE);
  CHECK(fixture_bytes(&server)[65535] == 'x' && fixture_bytes(&server)[1023] == 0);
  end();
}

static void a_write_without_bytes_needs_no_target(void) {
  begin();
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_IMMEDIATE | SHIM_SIGNALED, .immediate = 7};
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK_EQUAL(fixture_completion(server.queue).byte_length, 0);
  work.flags = SHIM_SIGNALED;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  end();
}

/* Far more unsignaled requests than the queue holds, with nobody polling in between. */
static void unsignaled_requests_never_fill_the_queue(void) {
  begin();
  struct shim_work work = fixture_work(&client, SHIM_WRITE, 0, forth, 0, 8);
  for (int i = 0; i < 5000; i++) {
    int error = shim_post(client.endpoint, &work);
    for (int k = 0; error == -ENOBUFS && k < 1000000; k++)
      error = shim_post(client.endpoint, &work);
    CHECK_EQUAL(error, 0);
  }
  work.flags = SHIM_SIGNALED;
  work.wr_id = 1234;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  struct shim_completion completion;
  CHECK_EQUAL(shim_queue_poll(client.queue, &completion, 1), 0);
  end();
}

static void signaled_requests_fill_the_queue_until_they_are_taken(void) {
  begin();
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_SIGNALED, forth, 0, 8);
  for (uint32_t i = 0; i < 64; i++) {
    work.wr_id = i;
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  }
  CHECK_EQUAL(shim_post(client.endpoint, &work), -ENOBUFS);
  for (uint32_t i = 0; i < 64; i++)
    CHECK_EQUAL(fixture_completion(client.queue).wr_id, i);
  CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  CHECK_EQUAL(fixture_completion(client.queue).wr_id, 63);
  end();
}

static void what_can_be_refused_here_ends_no_connection(void) {
  begin();
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_SIGNALED, forth, 0, 16);
  work.target_offset = 65530;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  work.target_offset = 0;
  work.segments[0].offset = 65530;
  CHECK_EQUAL(post_for_status(&work), SHIM_LOCAL_PROTECTION_ERROR);
  work.segments[0].offset = 0;
  work.target = 99;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  work.target = forth;
  work.flags = SHIM_PLACED;
  CHECK_EQUAL(shim_post(client.endpoint, &work), -EOPNOTSUPP);
  work.flags = SHIM_SIGNALED;
  work.opcode = SHIM_RECEIVE;
  CHECK_EQUAL(shim_post(client.endpoint, &work), -EINVAL);
  work.opcode = SHIM_WRITE;
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  end();
}

static void a_wrong_key_fails_and_ends_the_connection(void) {
  begin();
  struct shim_remote remote = fixture_remote(&server);
  remote.rkey ^= 0x5a5au;
  int wrong = shim_endpoint_resolve(client.endpoint, &remote, 1000);
  CHECK(wrong >= 0);
  struct shim_work work = fixture_work(&client, SHIM_WRITE, 0, (uint32_t)wrong, 0, 16);
  work.wr_id = 3;
  CHECK_EQUAL(post_for_status(&work), SHIM_REMOTE_ACCESS_ERROR);
  CHECK(strstr(fixture_error(), "write 3 to ") != NULL && strstr(fixture_error(), "registered") != NULL);
  CHECK_EQUAL(fixture_expect(client.domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_PROTOCOL_VIOLATION);
  (void)fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED);
  CHECK_EQUAL(shim_post(client.endpoint, &work), -ENOTCONN);
  CHECK(strstr(fixture_error(), "is disconnected: write 3 to ") != NULL);
  remote.rkey ^= 0x5a5au;
  CHECK_EQUAL(shim_endpoint_resolve(client.endpoint, &remote, 1000), -ENOTCONN);
  CHECK(strstr(fixture_error(), "is disconnected: write 3 to ") != NULL);
  end();
}

static void more_than_a_message_is_split(void) {
  struct shim_capabilities capabilities;
  begin();
  CHECK_EQUAL(shim_domain_capabilities(client.domain, &capabilities), 0);
  uint64_t bytes = (uint64_t)capabilities.max_send_bytes * 2u + 4096u;
  if (bytes > 64u << 20) {
    (void)printf("skipped: messages of %u bytes are too large to try\n", capabilities.max_send_bytes);
    end();
    return;
  }
  struct shim_region_info from;
  struct shim_region_info to;
  struct shim_region *source = fixture_region(client.domain, bytes, SHIM_LOCAL_WRITE, 0, &from);
  struct shim_region *sink = fixture_region(server.domain, bytes, SHIM_REMOTE_WRITE, SHIM_REGION_FILE, &to);
  (void)memset((void *)(uintptr_t)from.address, 0x5c, bytes);
  struct shim_remote remote = {.address = to.remote_address, .rkey = to.rkey, .length = bytes};
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_SIGNALED, .wr_id = 11, .segment_count = 1};
  work.target = (uint32_t)shim_endpoint_resolve(client.endpoint, &remote, 1000);
  work.segments[0] = (struct shim_segment){(uint64_t)(uintptr_t)source, 0, bytes};
  CHECK_EQUAL(post_for_status(&work), SHIM_SUCCESS);
  CHECK(memcmp((void *)(uintptr_t)from.address, (void *)(uintptr_t)to.address, bytes) == 0);
  work.flags |= SHIM_IMMEDIATE;
  CHECK_EQUAL(post_for_status(&work), SHIM_LOCAL_LENGTH_ERROR);
  CHECK_EQUAL(shim_region_close(sink), 0);
  CHECK_EQUAL(*(uint8_t *)(uintptr_t)to.address, 0);
  CHECK_EQUAL(shim_region_close(source), 0);
  CHECK_EQUAL(shim_unmap(from.address, from.mapped_length), 0);
  CHECK_EQUAL(shim_unmap(to.address, to.mapped_length), 0);
  end();
}

int main(void) {
  fixture_start();
  RUN(the_device_says_what_it_can);
  RUN(writes_gather_and_reads_scatter);
  RUN(atomics_return_what_was_there);
  RUN(immediates_and_sends_arrive_with_their_length);
  RUN(a_write_without_bytes_needs_no_target);
  RUN(unsignaled_requests_never_fill_the_queue);
  RUN(signaled_requests_fill_the_queue_until_they_are_taken);
  RUN(what_can_be_refused_here_ends_no_connection);
  RUN(a_wrong_key_fails_and_ends_the_connection);
  RUN(more_than_a_message_is_split);
  return 0;
}
