/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions that tests invoke: well-behaved ones, and those that misbehave in every way that a caller must survive. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint32_t echo(void *input, uint32_t bytes, void *output) {
  memcpy(output, input, bytes);
  return bytes;
}

uint32_t empty(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  return 0;
}

/* The sum of doubles. */
uint32_t sum(void *input, uint32_t bytes, void *output) {
  const double *values = input;
  double total = 0;
  for (uint32_t i = 0; i < bytes / sizeof(double); i++) {
    total += values[i];
  }
  memcpy(output, &total, sizeof(total));
  return sizeof(total);
}

/* How often it was called in this process: tells executors apart. */
uint32_t count_calls(void *input, uint32_t bytes, void *output) {
  static uint32_t calls;
  (void)input;
  (void)bytes;
  uint32_t call = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  memcpy(output, &call, sizeof(call));
  return sizeof(call);
}

uint32_t process_id(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  uint32_t id = (uint32_t)getpid();
  memcpy(output, &id, sizeof(id));
  return sizeof(id);
}

/* Sleeps for as many milliseconds as the input says (u32), then writes 0xee over four bytes. */
uint32_t sleep_then_write(void *input, uint32_t bytes, void *output) {
  uint32_t milliseconds = 0;
  if (bytes >= sizeof(milliseconds)) {
    memcpy(&milliseconds, input, sizeof(milliseconds));
  }
  struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
  nanosleep(&time, NULL);
  memset(output, 0xee, 4);
  return 4;
}

uint32_t deep_stack(void *input, uint32_t bytes, void *output) {
  volatile char frame[6 << 20];
  for (uint32_t i = 0; i < sizeof(frame); i += 4096) {
    frame[i] = (char)i;
  }
  memcpy(output, input, bytes);
  return bytes + (uint32_t)frame[0];
}

uint32_t dereference_null(void *input, uint32_t bytes, void *output) {
  (void)bytes;
  (void)output;
  volatile int *nowhere = (volatile int *)(uintptr_t)(input == NULL);
  *nowhere = 1;
  return 0;
}

uint32_t call_abort(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  abort();
}

uint32_t call_exit(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  _exit(3);
}

/* Leaves a child behind that has this process's descriptors, and tells its id. */
uint32_t leave_child(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  pid_t child = fork();
  if (child == 0) {
    for (;;) {
      pause();
    }
  }
  uint32_t id = (uint32_t)child;
  memcpy(output, &id, sizeof(id));
  return sizeof(id);
}

uint32_t never_return(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  for (;;) {
    usleep(1000);
  }
}

/* Claims more than any buffer holds. */
uint32_t return_too_much(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  return UINT32_MAX / 2;
}

/* Writes as many bytes as the input says (u32), whatever the buffer holds. */
uint32_t write_bytes(void *input, uint32_t bytes, void *output) {
  uint32_t count = 0;
  if (bytes >= sizeof(count)) {
    memcpy(&count, input, sizeof(count));
  }
  memset(output, 0x5a, count);
  return count;
}

/* Leaves a child behind that keeps every descriptor open, writes the child's id and is killed. */
uint32_t fork_and_die(void *input, uint32_t bytes, void *output) {
  (void)input;
  (void)bytes;
  (void)output;
  if (fork() == 0) {
    sleep(30);
    _exit(0);
  }
  raise(SIGKILL);
  return 0;
}
