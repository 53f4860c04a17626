/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The floor: two processes, each on its own processor, bounce one cache line. Nothing that passes a message from one
 * processor to another and back can be faster. Every other number is given as a multiple of this one, measured in the
 * same session, so this program does not change: no pause instruction, one word of one line. Where in the cache a line
 * lies changes the time by half, so the round trips are spread over many lines, one after the other.
 *
 *   cache_line PROCESSOR PROCESSOR ROUND_TRIPS
 */
#define _GNU_SOURCE
#include "samples.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP 2000u
#define LINES 64u
/* An odd number of lines from one to the next, so that they fall on different sets and slices. */
#define LINE_WORDS (8u * 67u)

static void bounce_back(uint64_t *line, uint64_t round_trips) {
  for (uint64_t i = 0; i < round_trips; i++) {
    while (__atomic_load_n(line, __ATOMIC_ACQUIRE) != 2 * i + 1) {
    }
    __atomic_store_n(line, 2 * i + 2, __ATOMIC_RELEASE);
  }
}

static void bounce(uint64_t *line, uint64_t *samples, uint64_t round_trips) {
  uint64_t before = rfaas_ticks();
  for (uint64_t i = 0; i < WARM_UP + round_trips; i++) {
    __atomic_store_n(line, 2 * i + 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(line, __ATOMIC_ACQUIRE) != 2 * i + 2) {
    }
    uint64_t now = rfaas_ticks();
    if (i >= WARM_UP) {
      samples[i - WARM_UP] = now - before;
    }
    before = now;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: cache_line PROCESSOR PROCESSOR ROUND_TRIPS\n");
    return 2;
  }
  int here = (int)number_argument(argv[1], "processor");
  int there = (int)number_argument(argv[2], "processor");
  uint64_t each = (uint64_t)number_argument(argv[3], "round trips") / LINES + 1;
  uint64_t *lines = mmap(NULL, LINES * LINE_WORDS * 8u, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint64_t *samples = calloc(each * LINES, sizeof *samples);
  if (lines == MAP_FAILED || samples == NULL) {
    perror("no memory");
    return 1;
  }
  rfaas_ticks_calibrate();
  pid_t other = fork_pinned(here, there);
  if (other == 0) {
    for (uint32_t i = 0; i < LINES; i++) {
      bounce_back(lines + i * LINE_WORDS, WARM_UP + each);
    }
    _exit(0);
  }
  for (uint32_t i = 0; i < LINES; i++) {
    bounce(lines + i * LINE_WORDS, samples + i * each, each);
  }
  waitpid(other, NULL, 0);
  print_samples("cache-line", samples, each * LINES);
  free(samples);
  return 0;
}
