/* SPDX-License-Identifier: BSD-3-Clause */
/* What the C measurements share: a pinned process, a clock in nanoseconds, a line of JSON. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include "../src/loops/ticks.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static inline void pin_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((size_t)processor, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    perror("cannot run on the processor asked for (sched_setaffinity)");
    exit(1);
  }
}

/* Forks: 0 in the other process, which runs on the processor `there` and ends with this one; this one runs on `here`.
 */
static inline pid_t fork_pinned(int here, int there) {
  pid_t other = fork();
  if (other < 0) {
    perror("cannot make the other process (fork)");
    exit(1);
  }
  if (other == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  pin_to(other == 0 ? there : here);
  return other;
}

/* The same with a pipe, through which the other tells something: gives the end of it that the process uses. */
static inline pid_t fork_with_pipe(int here, int there, int *end) {
  int ends[2];
  if (pipe(ends) != 0) {
    perror("cannot make a pipe");
    exit(1);
  }
  pid_t other = fork_pinned(here, there);
  *end = ends[other == 0 ? 1 : 0];
  (void)close(ends[other == 0 ? 0 : 1]);
  return other;
}

static inline int compare_samples(const void *one, const void *other) {
  uint64_t a = *(const uint64_t *)one;
  uint64_t b = *(const uint64_t *)other;
  return (a > b) - (a < b);
}

static inline double sample_at(const uint64_t *sorted, uint64_t count, double fraction) {
  uint64_t index = (uint64_t)((double)count * fraction);
  return (double)rfaas_nanoseconds_of_ticks(sorted[index < count ? index : count - 1] * 16) / 16.0;
}

/* The cost of reading the clock once, which every sample contains. */
static inline double clock_nanoseconds(void) {
  enum { READS = 100000 };
  uint64_t begin = rfaas_ticks();
  uint64_t last = begin;
  for (int i = 0; i < READS; i++) {
    last = rfaas_ticks();
  }
  return (double)rfaas_nanoseconds_of_ticks((last - begin) * 16) / 16.0 / READS;
}

static inline void print_samples(const char *name, uint64_t *samples, uint64_t count) {
  qsort(samples, count, sizeof *samples, compare_samples);
  printf("{\"name\":\"%s\",\"unit\":\"ns\",\"count\":%llu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":"
         "%.1f,"
         "\"clock\":%.1f}\n",
         name, (unsigned long long)count, sample_at(samples, count, 0.5), sample_at(samples, count, 0.9),
         sample_at(samples, count, 0.99), sample_at(samples, count, 0.999), sample_at(samples, count, 1.0),
         clock_nanoseconds());
}

/* A positive number, or the program ends with a usage error. */
static inline long number_argument(const char *text, const char *what) {
  char *end = NULL;
  long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < 0) {
    fprintf(stderr, "%s: not a number: \"%s\"\n", what, text);
    exit(2);
  }
  return value;
}

#endif
