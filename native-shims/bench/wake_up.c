/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bare futex wake-up, there and back, for what a warm invocation is compared with: one process sleeps on a word, the
 * other changes the word, wakes it and spins for the answer. Before each round trip comes a pause, in which the sleeper
 * and its processor really fall asleep.
 *
 *   wake_up PROCESSOR PROCESSOR PAUSE_MICROSECONDS ROUND_TRIPS
 */
#define _GNU_SOURCE
#include "../src/common/futex.h"
#include "samples.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define WARM_UP 100u

struct words {
  _Alignas(128) uint32_t request;
  _Alignas(128) uint32_t reply;
};

static void answer(struct words *words, uint32_t round_trips) {
  for (uint32_t i = 0; i < round_trips; i++) {
    while (__atomic_load_n(&words->request, __ATOMIC_SEQ_CST) == i) {
      shim_futex_wait(&words->request, i, UINT64_MAX);
    }
    __atomic_store_n(&words->reply, i + 1, __ATOMIC_SEQ_CST);
  }
}

static uint64_t ask(struct words *words, uint32_t number) {
  uint64_t before = rfaas_ticks();
  __atomic_store_n(&words->request, number, __ATOMIC_SEQ_CST);
  shim_futex_wake(&words->request);
  while (__atomic_load_n(&words->reply, __ATOMIC_ACQUIRE) != number) {
  }
  return rfaas_ticks() - before;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: wake_up PROCESSOR PROCESSOR PAUSE_MICROSECONDS ROUND_TRIPS\n");
    return 2;
  }
  int here = (int)number_argument(argv[1], "processor");
  int there = (int)number_argument(argv[2], "processor");
  struct timespec pause = {.tv_nsec = number_argument(argv[3], "pause") * 1000};
  uint32_t count = (uint32_t)number_argument(argv[4], "round trips") + 1;
  struct words *words = mmap(NULL, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint64_t *samples = calloc(count, sizeof *samples);
  if (words == MAP_FAILED || samples == NULL) {
    perror("no memory");
    return 1;
  }
  rfaas_ticks_calibrate();
  pid_t other = fork_pinned(here, there);
  if (other == 0) {
    answer(words, WARM_UP + count);
    _exit(0);
  }
  for (uint32_t i = 0; i < WARM_UP + count; i++) {
    nanosleep(&pause, NULL);
    uint64_t took = ask(words, i + 1);
    if (i >= WARM_UP) {
      samples[i - WARM_UP] = took;
    }
  }
  waitpid(other, NULL, 0);
  print_samples("futex wake-up", samples, count);
  free(samples);
  return 0;
}
