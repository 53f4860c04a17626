/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops over a fake fabric: JavaScript requests, failing replies, ends. */
#define _GNU_SOURCE
#include "support/loops-fixture.h"

#include <pthread.h>

static void javascript_replies_come_in_any_order(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  for (uint32_t id = 8; id < 12; id++) {
    CHECK_EQUAL(fixture_submit(&f, id, id == 10 ? 0 : 1, 3), 0);
  }
  uint32_t bytes = 0;
  const uint32_t javascript[] = {8, 9, 11};
  for (uint32_t i = 0; i < 3; i++) {
    CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_REQUEST);
    CHECK_EQUAL(f.server->invocation_id, javascript[i]);
    CHECK_EQUAL(f.server->slot, javascript[i] % SLOTS);
    CHECK_EQUAL(f.server->function_index, 1);
    CHECK_EQUAL(f.server->input_bytes, 3);
    CHECK_EQUAL(f.server->request_capacity, PAGE);
    CHECK_EQUAL(f.server->request_output, f.server->output_address[javascript[i] % SLOTS]);
    CHECK_EQUAL(f.server->request_output_mapping, 0);
  }
  CHECK_EQUAL(fixture_reply(&f, &bytes), 10u << 16);
  fixture_give_reply(&f, 11, RFAAS_OK, "eleven");
  fixture_give_reply(&f, 8, RFAAS_FUNCTION_FAILED, "thrown");
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(f.server->reply_count, 0);
  fixture_give_reply(&f, 9, RFAAS_OK, "");
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 11u << 16);
  CHECK_EQUAL(memcmp(fixture_result(11), "eleven", 6), 0);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 8u << 16 | RFAAS_FUNCTION_FAILED);
  CHECK_EQUAL(memcmp(fixture_result(8), "thrown", 6), 0);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 9u << 16);
  CHECK_EQUAL(bytes, 0);
  CHECK_EQUAL(f.server->invocations, 4);
  CHECK_EQUAL(f.server_end.receives, SLOTS + 1);
  fixture_close(&f);
}

static void javascript_sees_mapped_results_by_number(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  f.client->result_key = GUARDED_KEY;
  f.client->flags = RFAAS_INVOKE_RESULT_GUARDED;
  f.client->function_index = 1;
  f.client->result_capacity = 128;
  f.client->result_address = PAGE - 128;
  for (uint32_t id = 0; id < 3; id++) {
    f.client->invocation_id = id;
    CHECK_EQUAL(rfaas_submit((uint32_t)f.client_index), 0);
    CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_REQUEST);
    CHECK_EQUAL(f.server->request_output_mapping, 1);
    CHECK_EQUAL(f.server->request_mapping_address, (uintptr_t)fake_regions[GUARDED].bytes);
    CHECK_EQUAL(f.server->request_mapping_bytes, PAGE);
    CHECK_EQUAL(f.server->request_output, f.server->request_mapping_address + PAGE - 128);
    memcpy((void *)(uintptr_t)f.server->request_output, "here", 4);
    f.server->reply_count = 1;
    f.server->replies[0].slot = id;
    f.server->replies[0].invocation_id = id;
    f.server->replies[0].output_bytes = id == 2 ? 129 : 4;
    CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
    uint32_t bytes = 0;
    CHECK_EQUAL(fixture_reply(&f, &bytes), id << 16 | (id == 2 ? RFAAS_OUTPUT_TOO_LARGE : RFAAS_OK));
    CHECK(id == 2 || bytes == 4);
  }
  fixture_close(&f);
}

static void a_slot_runs_one_invocation_at_a_time(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  uint32_t bytes = 0;
  CHECK_EQUAL(fixture_submit(&f, 4, 1, 1), 0);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_REQUEST);
  CHECK_EQUAL(fixture_submit(&f, 8, 0, 1), 0);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 8u << 16 | RFAAS_INVALID_REQUEST);
  fixture_give_reply(&f, 8, RFAAS_OK, "");
  CHECK_EQUAL(fixture_serve(&f), -EINVAL);
  fixture_give_reply(&f, 4, RFAAS_OK, "four");
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 4u << 16);
  CHECK_EQUAL(bytes, 4);
  fixture_give_reply(&f, 4, RFAAS_OK, "again");
  CHECK_EQUAL(fixture_serve(&f), -EINVAL);
  fixture_close(&f);
}

static void a_reply_waits_for_receives_and_room(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  uint32_t bytes = 0;
  CHECK_EQUAL(fixture_submit(&f, 1, 0, 1), 0);
  f.server_end.not_ready = 2;
  f.server_end.full = 2;
  f.server->spin_microseconds = 10000;
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 1u << 16);
  /* The same asleep. */
  CHECK_EQUAL(fixture_submit(&f, 2, 0, 1), 0);
  f.server_end.not_ready = 3;
  f.server->wait_milliseconds = 1000;
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 2u << 16);
  fixture_close(&f);
}

static void a_client_without_receives_ends_the_loop(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  CHECK_EQUAL(fixture_submit(&f, 1, 0, 1), 0);
  f.client_end.receives = 0;
  f.server->spin_microseconds = 5000000;
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_FAILED);
  CHECK_EQUAL(f.server->failure, SHIM_RECEIVER_NOT_READY);
  fixture_close(&f);
}

static void a_result_that_refuses_writes_is_reported(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  uint32_t bytes = 0;
  fake_regions[RESULTS].refuses_writes = 1;
  f.server->spin_microseconds = 1000;
  CHECK_EQUAL(fixture_submit(&f, 1, 0, 1), 0);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 1u << 16 | RFAAS_RESULT_UNREACHABLE);
  CHECK_EQUAL(bytes, 0);
  fixture_close(&f);
}

static void a_failed_request_is_lost(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  f.server_end.receives = 0;
  f.client->invocation_id = 3;
  CHECK_EQUAL(rfaas_invoke((uint32_t)f.client_index), RFAAS_LOST);
  CHECK_EQUAL(f.client->status, SHIM_RECEIVER_NOT_READY);
  /* Its receive serves the next request. */
  CHECK_EQUAL(f.client->spare_receives, 2);
  f.server_end.receives = SLOTS + 1;
  CHECK_EQUAL(fixture_submit(&f, 1, 0, 1), 0);
  CHECK_EQUAL(f.client_end.receives, 2);
  CHECK_EQUAL(f.client->spare_receives, 1);
  fixture_close(&f);
}

static void an_output_beyond_the_capacity_is_not_believed(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  f.client->result_capacity = 16;
  f.client->invocation_id = 3;
  f.client_end.receives = 1;
  struct shim_work lie = {.opcode = SHIM_WRITE,
                          .flags = SHIM_IMMEDIATE | SHIM_PLACED,
                          .operand = 17,
                          .immediate = 3u << 16,
                          .target = RESULTS};
  CHECK_EQUAL(fake_post((struct shim_endpoint *)(void *)&f.server_end, &lie), 0);
  CHECK_EQUAL(rfaas_invoke((uint32_t)f.client_index), RFAAS_LOST);
  CHECK_EQUAL(f.client->status, SHIM_LOCAL_LENGTH_ERROR);
  fixture_close(&f);
}

static void *disconnect_once_the_request_came(void *argument) {
  struct fixture *f = argument;
  struct shim_completion completion;
  while (fake_queue_poll((struct shim_queue *)(void *)&f->server_end.queue, &completion, 1) == 0) {
  }
  fake_disconnect(&f->server_end);
  return NULL;
}

static void a_disconnect_ends_both_loops(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  pthread_t other;
  CHECK_EQUAL(pthread_create(&other, NULL, disconnect_once_the_request_came, &f), 0);
  CHECK_EQUAL(rfaas_invoke((uint32_t)f.client_index), RFAAS_LOST);
  CHECK_EQUAL(f.client->status, SHIM_FLUSHED);
  CHECK_EQUAL(pthread_join(other, NULL), 0);
  CHECK_EQUAL(rfaas_invoke((uint32_t)f.client_index), -ENOTCONN);
  f.server->spin_microseconds = 20000000;
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_DISCONNECTED);
  f.server->wait_milliseconds = 20000;
  fake_interrupt(&f.server_end);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_DISCONNECTED);
  fixture_close(&f);
}

int main(void) {
  RUN(javascript_replies_come_in_any_order);
  RUN(javascript_sees_mapped_results_by_number);
  RUN(a_slot_runs_one_invocation_at_a_time);
  RUN(a_reply_waits_for_receives_and_room);
  RUN(a_client_without_receives_ends_the_loop);
  RUN(a_result_that_refuses_writes_is_reported);
  RUN(a_failed_request_is_lost);
  RUN(an_output_beyond_the_capacity_is_not_believed);
  RUN(a_disconnect_ends_both_loops);
  return 0;
}
