/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops over a fake fabric: what they promise about requests, replies, results and time. */
#define _GNU_SOURCE
#include "support/loops-fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void *seen_output;

/* Returns its input backwards. */
static uint32_t reverse(void *input, uint32_t bytes, void *output) {
  for (uint32_t i = 0; i < bytes; i++) {
    ((uint8_t *)output)[i] = ((uint8_t *)input)[bytes - 1 - i];
  }
  seen_output = output;
  return bytes;
}

/* Claims one byte more than the page that the results here hold. */
static uint32_t overclaim(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  return PAGE + 1;
}

/* Writes the first byte that no result of 100 bytes may have: 64-byte aligned, its place ends 128 bytes on. */
static uint32_t overflow(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  ((volatile uint8_t *)output)[128] = 1;
  return 1;
}

static void open_with_functions(struct fixture *f) {
  fixture_open(f);
  f->functions[0] = reverse;
  f->functions[1] = NULL;
  f->functions[2] = overclaim;
  f->functions[3] = overflow;
  f->server->function_count = 4;
}

/* Submits, serves once and expects this reply. */
static uint32_t exchange(struct fixture *f, uint32_t id, uint32_t function, uint32_t input, uint32_t status) {
  uint32_t bytes = 0;
  CHECK_EQUAL(fixture_submit(f, id, function, input), 0);
  CHECK_EQUAL(fixture_serve(f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(f, &bytes), id << 16 | status);
  return bytes;
}

static void *serve_until_stopped(void *argument) {
  struct fixture *f = argument;
  f->server->spin_microseconds = 1000;
  int result = RFAAS_SERVE_IDLE;
  while (result == RFAAS_SERVE_IDLE) {
    result = fixture_serve(f);
  }
  CHECK_EQUAL(result, RFAAS_SERVE_STOPPED);
  return NULL;
}

static void ids_go_on_beyond_65536(void) {
  struct fixture f;
  open_with_functions(&f);
  for (uint32_t i = 0; i < 70000; i++) {
    uint32_t id = i & 0xffffu;
    memcpy(fake_regions[SOURCE].bytes, &i, sizeof i);
    CHECK_EQUAL(exchange(&f, id, 0, sizeof i, RFAAS_OK), sizeof i);
    CHECK_EQUAL(__builtin_bswap32(*(uint32_t *)(void *)fixture_result(id)), i);
  }
  CHECK_EQUAL(f.server->invocations, 70000);
  CHECK_EQUAL(f.client->spare_receives, 1);
  CHECK_EQUAL(f.server_end.receives, SLOTS + 1);
  fixture_close(&f);
}

static void a_thread_serves_one_that_spins(void) {
  struct fixture f;
  open_with_functions(&f);
  pthread_t server;
  CHECK_EQUAL(pthread_create(&server, NULL, serve_until_stopped, &f), 0);
  for (uint32_t id = 0; id < 500; id++) {
    f.client->input_bytes = 8;
    f.client->invocation_id = id;
    f.client->result_address = (uint64_t)(id % SLOTS) * PAGE;
    CHECK_EQUAL(rfaas_invoke((uint32_t)f.client_index), RFAAS_REPLIED);
    CHECK_EQUAL(f.client->status, RFAAS_OK);
    CHECK_EQUAL(f.client->output_bytes, 8);
    CHECK_EQUAL(f.client->other_count, 0);
  }
  __atomic_store_n(&f.stop, 1, __ATOMIC_RELAXED);
  CHECK_EQUAL(pthread_join(server, NULL), 0);
  CHECK_EQUAL(f.server->invocations, 500);
  CHECK(f.server->hot_nanoseconds > 0);
  CHECK(f.server->execution_nanoseconds > 0);
  fixture_close(&f);
}

static void refusals_say_why(void) {
  struct fixture f;
  open_with_functions(&f);
  uint32_t bytes = exchange(&f, 5, 9, 4, RFAAS_NO_SUCH_FUNCTION);
  CHECK_EQUAL(memcmp(fixture_result(5), "function 9 of a package that has 4", bytes), 0);
  bytes = exchange(&f, 6, 2, 4, RFAAS_OUTPUT_TOO_LARGE);
  const char *both = "the function returned 4097 bytes of output, its result holds 4096";
  CHECK_EQUAL(bytes, strlen(both));
  CHECK_EQUAL(memcmp(fixture_result(6), both, bytes), 0);
  f.client->result_capacity = 12;
  CHECK_EQUAL(exchange(&f, 7, 2, 4, RFAAS_OUTPUT_TOO_LARGE), 12);
  f.client->result_capacity = 0;
  CHECK_EQUAL(exchange(&f, 7, 2, 4, RFAAS_OUTPUT_TOO_LARGE), 0);
  f.client->result_capacity = PAGE;
  f.client->flags = RFAAS_INVOKE_IN_PLACE;
  bytes = exchange(&f, 8, 0, INPUT_CAPACITY + 1, RFAAS_INVALID_REQUEST);
  CHECK_EQUAL(memcmp(fixture_result(8), "an input of 8129 bytes, a slot holds 8128", bytes), 0);
  f.client->flags = 0;
  f.client->result_key = 4711;
  CHECK_EQUAL(exchange(&f, 9, 0, 4, RFAAS_RESULT_UNREACHABLE), 0);
  f.client->result_key = RESULT_KEY;
  CHECK_EQUAL(exchange(&f, 10, 0, 4, RFAAS_OK), 4);
  CHECK_EQUAL(f.server_end.receives, SLOTS + 1);
  fixture_close(&f);
}

static void requests_that_contradict_themselves_are_refused(void) {
  struct fixture f;
  open_with_functions(&f);
  uint32_t bytes = 0;
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_IMMEDIATE, .target = INPUTS, .immediate = 3u << 16};
  f.client_end.receives = 3;
  CHECK_EQUAL(fake_post((struct shim_endpoint *)(void *)&f.client_end, &work), 0);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 3u << 16 | RFAAS_INVALID_REQUEST);
  /* A header of another id, and a length that is not the written one. */
  CHECK_EQUAL(fixture_submit(&f, 3, 0, 8), 0);
  fake_regions[INPUTS].bytes[3 * STRIDE + 32 + 24] = 7;
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 3u << 16 | RFAAS_INVALID_REQUEST);
  CHECK_EQUAL(fixture_submit(&f, 3, 0, 8), 0);
  fake_regions[INPUTS].bytes[3 * STRIDE + 32 + 16] = 9;
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 3u << 16 | RFAAS_INVALID_REQUEST);
  CHECK_EQUAL(memcmp(fixture_result(3), "an input of 9 bytes was announced, 8 were written", bytes), 0);
  fixture_close(&f);
}

static void input_in_place_is_not_written(void) {
  struct fixture f;
  open_with_functions(&f);
  memcpy(fake_regions[INPUTS].bytes + STRIDE + 64, "abc", 3);
  f.client->flags = RFAAS_INVOKE_IN_PLACE;
  CHECK_EQUAL(exchange(&f, 1, 0, 3, RFAAS_OK), 3);
  CHECK_EQUAL(memcmp(fixture_result(1), "cba", 3), 0);
  fixture_close(&f);
}

static void guarded_results_are_written_where_they_are(void) {
  struct fixture f;
  open_with_functions(&f);
  f.client->result_key = GUARDED_KEY;
  f.client->flags = RFAAS_INVOKE_RESULT_GUARDED;
  f.client->result_capacity = 100;
  f.client->input_bytes = 5;
  f.client->result_address = PAGE - 128;
  memcpy(fake_regions[SOURCE].bytes, "12345", 5);
  uint32_t bytes = 0;
  CHECK_EQUAL(rfaas_submit((uint32_t)f.client_index), 0);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), RFAAS_OK);
  CHECK_EQUAL(bytes, 5);
  CHECK(seen_output == fake_regions[GUARDED].bytes + PAGE - 128);
  CHECK_EQUAL(memcmp(seen_output, "54321", 5), 0);
  /* One that does not end at the guard page goes through the slot's own output. */
  f.client->result_address = 0;
  f.client->invocation_id = 1;
  CHECK_EQUAL(rfaas_submit((uint32_t)f.client_index), 0);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 1u << 16 | RFAAS_OK);
  CHECK(seen_output == (void *)(uintptr_t)(f.server->output_end[1] - 128));
  CHECK_EQUAL(memcmp(fake_regions[GUARDED].bytes, "54321", 5), 0);
  fixture_close(&f);
}

/* The wait status of a child that runs the function that writes too far. */
static int overflow_in_a_child(struct fixture *f) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    /* A sanitizer would turn the signal into an exit status. */
    signal(SIGSEGV, SIG_DFL);
    (void)fixture_serve(f);
    _exit(0);
  }
  int status = 0;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  return status;
}

static void writing_beyond_the_result_faults(void) {
  struct fixture f;
  open_with_functions(&f);
  f.client->result_capacity = 100;
  CHECK_EQUAL(fixture_submit(&f, 0, 3, 1), 0);
  int status = overflow_in_a_child(&f);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  fixture_close(&f);
}

static void writing_beyond_a_mapped_result_faults(void) {
  struct fixture f;
  open_with_functions(&f);
  f.client->result_key = GUARDED_KEY;
  f.client->flags = RFAAS_INVOKE_RESULT_GUARDED;
  f.client->result_capacity = 100;
  f.client->result_address = PAGE - 128;
  f.client->function_index = 3;
  CHECK_EQUAL(rfaas_submit((uint32_t)f.client_index), 0);
  int status = overflow_in_a_child(&f);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  fixture_close(&f);
}

static void a_late_reply_goes_to_the_next_caller(void) {
  struct fixture f;
  open_with_functions(&f);
  f.client->microseconds = 100;
  f.client->input_bytes = 1;
  f.client->invocation_id = 1;
  CHECK_EQUAL(rfaas_invoke((uint32_t)f.client_index), RFAAS_TIMED_OUT);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  f.client->invocation_id = 2;
  CHECK_EQUAL(rfaas_invoke((uint32_t)f.client_index), RFAAS_TIMED_OUT);
  CHECK_EQUAL(f.client->other_count, 1);
  CHECK_EQUAL(f.client->others[0].immediate, 1u << 16);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  uint32_t bytes = 0;
  CHECK_EQUAL(fixture_reply(&f, &bytes), 2u << 16);
  fixture_close(&f);
}

static void contexts_are_checked(void) {
  uint32_t offsets[64];
  uint64_t address = 0;
  uint32_t bytes = 0;
  int count = rfaas_layout(RFAAS_CONTEXT_INVOKE, offsets, 64);
  CHECK_EQUAL(offsets[0], 0);
  CHECK_EQUAL(offsets[count - 1], sizeof(struct rfaas_invoke_context));
  count = rfaas_layout(RFAAS_CONTEXT_SERVE, offsets, 64);
  CHECK_EQUAL(offsets[count - 1], sizeof(struct rfaas_serve_context));
  for (int i = 1; i < count; i++) {
    CHECK(offsets[i] > offsets[i - 1]);
  }
  CHECK_EQUAL(rfaas_layout(3, offsets, 64), -EINVAL);
  CHECK_EQUAL(rfaas_context_open(3, &address, &bytes), -EINVAL);
  CHECK_EQUAL(rfaas_context_close(5000), -EINVAL);
  CHECK_EQUAL(rfaas_invoke(0), -EINVAL);
  CHECK_EQUAL(rfaas_submit(70000), -EINVAL);
  CHECK_EQUAL(rfaas_serve(0), -EINVAL);
  struct fixture f;
  open_with_functions(&f);
  CHECK_EQUAL(rfaas_serve((uint32_t)f.client_index), -EINVAL);
  CHECK_EQUAL(fixture_submit(&f, 65536, 0, 1), -EINVAL);
  CHECK_EQUAL(fixture_submit(&f, 1, 32768, 1), -EINVAL);
  CHECK_EQUAL(f.client_end.posts, 0);
  fixture_close(&f);
}

int main(void) {
  RUN(contexts_are_checked);
  RUN(ids_go_on_beyond_65536);
  RUN(a_thread_serves_one_that_spins);
  RUN(refusals_say_why);
  RUN(requests_that_contradict_themselves_are_refused);
  RUN(input_in_place_is_not_written);
  RUN(guarded_results_are_written_where_they_are);
  RUN(writing_beyond_the_result_faults);
  RUN(writing_beyond_a_mapped_result_faults);
  RUN(a_late_reply_goes_to_the_next_caller);
  return 0;
}
