/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A clock cheap enough for the path of an invocation: the processor's time stamp counter where it runs at one constant
 * rate, else CLOCK_MONOTONIC. Two clock_gettime calls would cost a third of a whole request and reply.
 */
#ifndef RFAAS_TICKS_H
#define RFAAS_TICKS_H

#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

struct rfaas_ticks_rate {
  uint32_t counter;        /* 1: ticks are those of the processor's counter, 0: nanoseconds of CLOCK_MONOTONIC */
  uint64_t nanoseconds_32; /* nanoseconds a tick, times 2^32 */
  uint64_t microsecond;    /* ticks a microsecond, rounded up */
};

/* Set by rfaas_ticks_calibrate, constant from then on. */
extern struct rfaas_ticks_rate rfaas_ticks_rate;

/* Measures the counter's rate, once a process. Any thread, before the first use of the functions below. */
void rfaas_ticks_calibrate(void);

static inline uint64_t rfaas_clock_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t rfaas_ticks(void) {
#if defined(__x86_64__)
  if (__builtin_expect(rfaas_ticks_rate.counter != 0, 1)) {
    return __rdtsc();
  }
#elif defined(__aarch64__)
  if (__builtin_expect(rfaas_ticks_rate.counter != 0, 1)) {
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
  }
#endif
  return rfaas_clock_nanoseconds();
}

static inline uint64_t rfaas_ticks_of_microseconds(uint32_t microseconds) {
  return microseconds * rfaas_ticks_rate.microsecond;
}

static inline uint64_t rfaas_nanoseconds_of_ticks(uint64_t ticks) {
  __extension__ typedef unsigned __int128 wide;
  return (uint64_t)(((wide)ticks * rfaas_ticks_rate.nanoseconds_32) >> 32);
}

#endif
