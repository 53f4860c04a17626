/* SPDX-License-Identifier: BSD-3-Clause */
/* Both loops over the shm fabric, the client here and the executor in a child process. */
#define _GNU_SOURCE
#include "../bench/invocation_pair.h"
#include "support/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REVERSE = 0, OVERCLAIM = 1, OVERFLOW = 2, STUCK = 3, JAVASCRIPT = 4, ADDRESS = 5, LEAVE = 6, FUNCTIONS = 7 };

static uint32_t reverse(void *input, uint32_t bytes, void *output) {
  for (uint32_t i = 0; i < bytes; i++) {
    ((uint8_t *)output)[i] = ((uint8_t *)input)[bytes - 1 - i];
  }
  return bytes;
}

static uint32_t overclaim(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)output;
  return bytes + 1;
}

/* Writes on behind its output until that faults. */
static uint32_t overflow(void *input, uint32_t bytes, void *output) {
  (void)input;
  for (uint32_t i = 0; i < bytes + 64; i++) {
    ((volatile uint8_t *)output)[i] = 1;
  }
  return bytes;
}

__attribute__((noreturn)) static uint32_t stuck(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  for (;;) {
    pause();
  }
}

/* Tells where its output lies, so that one can see whether it is the client's memory. */
static uint32_t address(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  memcpy(output, &output, sizeof output);
  return sizeof output;
}

__attribute__((noreturn)) static uint32_t leave(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  _exit(7);
}

static const rfaas_function functions[FUNCTIONS] = {[REVERSE] = reverse, [OVERCLAIM] = overclaim, [OVERFLOW] = overflow,
                                                    [STUCK] = stuck,     [ADDRESS] = address,     [LEAVE] = leave};

/* What JavaScript would do: answers with the number of input bytes as text. */
static void answer_as_javascript(struct rfaas_serve_context *context) {
  int length =
      snprintf((char *)(uintptr_t)context->request_output, context->request_capacity, "%u", context->input_bytes);
  context->replies[0].slot = context->slot;
  context->replies[0].invocation_id = context->invocation_id;
  context->replies[0].status = RFAAS_FUNCTION_FAILED;
  context->replies[0].output_bytes = (uint32_t)length;
  context->reply_count = 1;
}

/* Exits with 0 when the client went away, as it should at the end of each test. */
static void serve_in_child(int port_pipe, uint64_t bytes, uint32_t wait_milliseconds) {
  struct pair_server server;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGSEGV, SIG_DFL);
  open_server(&server, bytes, port_pipe, functions, FUNCTIONS);
  for (;;) {
    server.context->wait_milliseconds = wait_milliseconds;
    server.context->spin_microseconds = wait_milliseconds > 0 ? 0 : 10000;
    int result = rfaas_serve(server.index);
    if (result == RFAAS_SERVE_REQUEST) {
      answer_as_javascript(server.context);
    } else if (result != RFAAS_SERVE_IDLE) {
      _exit(result == RFAAS_SERVE_DISCONNECTED ? 0 : 1);
    }
  }
}

static pid_t start(struct pair_client *client, uint64_t bytes, int mapped, uint32_t wait_milliseconds) {
  int ports[2];
  CHECK_EQUAL(pipe(ports), 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    serve_in_child(ports[1], bytes, wait_milliseconds);
  }
  close(ports[1]);
  open_client(client, bytes, ports[0], mapped);
  close(ports[0]);
  return child;
}

static int wait_status(pid_t child) {
  int status = 0;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  return status;
}

static void finish(struct pair_client *client, pid_t child) {
  CHECK_EQUAL(rfaas_context_close(client->index), 0);
  CHECK_EQUAL(rfaas_context_unmap((uint64_t)(uintptr_t)client->context, sizeof *client->context), 0);
  require(fabric.domain_close(client->side.domain), "close");
  CHECK_EQUAL(wait_status(child), 0);
}

static uint32_t invoke(struct pair_client *client, uint32_t id, uint32_t function) {
  client->context->invocation_id = id & 0xffffu;
  client->context->function_index = function;
  CHECK_EQUAL(rfaas_invoke(client->index), RFAAS_REPLIED);
  return client->context->status;
}

static void ids_wrap_around(void) {
  struct pair_client client;
  pid_t child = start(&client, 64, 0, 0);
  for (uint32_t i = 65000; i < 66500; i++) {
    memcpy(client.input, &i, sizeof i);
    CHECK_EQUAL(invoke(&client, i, REVERSE), RFAAS_OK);
    CHECK_EQUAL(client.context->output_bytes, 64);
    uint32_t last = 0;
    memcpy(&last, client.result + 60, sizeof last);
    CHECK_EQUAL(__builtin_bswap32(last), i);
  }
  finish(&client, child);
}

static void replies_have_a_status_and_a_text(void) {
  struct pair_client client;
  pid_t child = start(&client, 128, 0, 0);
  CHECK_EQUAL(invoke(&client, 1, OVERCLAIM), RFAAS_OUTPUT_TOO_LARGE);
  const char *both = "the function returned 129 bytes of output, its result holds 128";
  CHECK_EQUAL(client.context->output_bytes, strlen(both));
  CHECK_EQUAL(memcmp(client.result, both, strlen(both)), 0);
  CHECK_EQUAL(invoke(&client, 2, FUNCTIONS + 5), RFAAS_NO_SUCH_FUNCTION);
  CHECK_EQUAL(invoke(&client, 3, JAVASCRIPT), RFAAS_FUNCTION_FAILED);
  CHECK_EQUAL(memcmp(client.result, "128", 3), 0);
  client.context->result_key++;
  CHECK_EQUAL(invoke(&client, 4, REVERSE), RFAAS_RESULT_UNREACHABLE);
  client.context->result_key--;
  uint64_t kept = client.context->result_address;
  client.context->result_address = client.result_bytes - 64;
  CHECK_EQUAL(invoke(&client, 5, REVERSE), RFAAS_RESULT_UNREACHABLE);
  client.context->result_address = UINT64_MAX - 64;
  CHECK_EQUAL(invoke(&client, 6, REVERSE), RFAAS_RESULT_UNREACHABLE);
  client.context->result_address = kept;
  CHECK_EQUAL(invoke(&client, 7, REVERSE), RFAAS_OK);
  finish(&client, child);
}

static void results_are_mapped_where_they_may_be(void) {
  struct pair_client client;
  pid_t child = start(&client, 100, 1, 0);
  CHECK_EQUAL(invoke(&client, 1, ADDRESS), RFAAS_OK);
  uint64_t mapped = 0;
  memcpy(&mapped, client.result, sizeof mapped);
  CHECK_EQUAL(mapped % PAIR_PAGE, PAIR_PAGE - 128);
  CHECK_EQUAL(invoke(&client, 2, ADDRESS), RFAAS_OK);
  CHECK_EQUAL(memcmp(client.result, &mapped, sizeof mapped), 0);
  client.context->flags = 0;
  CHECK_EQUAL(invoke(&client, 3, ADDRESS), RFAAS_OK);
  CHECK(memcmp(client.result, &mapped, sizeof mapped) != 0);
  finish(&client, child);
}

static void input_in_place_is_read_where_it_is(void) {
  struct pair_client client;
  pid_t child = start(&client, 5, 0, 0);
  uint64_t slots = 0;
  uint64_t mapped = 0;
  CHECK(fabric.table->endpoint_map(client.side.endpoint, (uint32_t)client.side.target, &slots, &mapped) >= 0);
  memcpy((uint8_t *)(uintptr_t)(slots + client.context->slot_stride + 64), "place", 5);
  memcpy(client.input, "other", 5);
  client.context->flags = RFAAS_INVOKE_IN_PLACE;
  CHECK_EQUAL(invoke(&client, 1, REVERSE), RFAAS_OK);
  CHECK_EQUAL(memcmp(client.result, "ecalp", 5), 0);
  client.context->flags = 0;
  CHECK_EQUAL(invoke(&client, 1, REVERSE), RFAAS_OK);
  CHECK_EQUAL(memcmp(client.result, "rehto", 5), 0);
  finish(&client, child);
}

static void a_sleeping_executor_is_woken(void) {
  struct pair_client client;
  pid_t child = start(&client, 64, 0, 60000);
  client.context->flags = RFAAS_INVOKE_SOLICITED;
  for (uint32_t i = 0; i < 1000; i++) {
    CHECK_EQUAL(invoke(&client, i, i % 7 == 0 ? JAVASCRIPT : REVERSE), i % 7 == 0 ? RFAAS_FUNCTION_FAILED : RFAAS_OK);
  }
  finish(&client, child);
}

/* The executor runs a function that ends it in this way; the client is waiting. */
static int lose_executor(uint32_t function, int mapped) {
  struct pair_client client;
  pid_t child = start(&client, 64, mapped, 0);
  client.context->invocation_id = 9;
  client.context->function_index = function;
  CHECK_EQUAL(rfaas_invoke(client.index), RFAAS_LOST);
  CHECK_EQUAL(client.context->status, SHIM_FLUSHED);
  CHECK_EQUAL(rfaas_invoke(client.index), -ENOTCONN);
  CHECK_EQUAL(rfaas_context_close(client.index), 0);
  require(fabric.domain_close(client.side.domain), "close");
  return wait_status(child);
}

static void a_lost_executor_ends_the_wait(void) {
  int status = lose_executor(LEAVE, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void writing_beyond_an_output_faults(void) {
  int status = lose_executor(OVERFLOW, 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  status = lose_executor(OVERFLOW, 1);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void time_is_up_before_a_reply(void) {
  struct pair_client client;
  pid_t child = start(&client, 64, 0, 0);
  client.context->microseconds = 1000;
  client.context->function_index = STUCK;
  CHECK_EQUAL(rfaas_invoke(client.index), RFAAS_TIMED_OUT);
  kill(child, SIGKILL);
  client.context->invocation_id = 1;
  client.context->microseconds = 20000000;
  int result = rfaas_invoke(client.index);
  CHECK(result == RFAAS_LOST || result == -ENOTCONN);
  require(fabric.domain_close(client.side.domain), "close");
  CHECK(WIFSIGNALED(wait_status(child)));
}

int main(void) {
  load_fabric(NULL);
  RUN(ids_wrap_around);
  RUN(replies_have_a_status_and_a_text);
  RUN(results_are_mapped_where_they_may_be);
  RUN(input_in_place_is_read_where_it_is);
  RUN(a_sleeping_executor_is_woken);
  RUN(a_lost_executor_ends_the_wait);
  RUN(writing_beyond_an_output_faults);
  RUN(time_is_up_before_a_reply);
  return 0;
}
