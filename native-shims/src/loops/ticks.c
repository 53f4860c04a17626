/* SPDX-License-Identifier: BSD-3-Clause */
#include "ticks.h"

#include <pthread.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CALIBRATION_NANOSECONDS 1000000u

struct rfaas_ticks_rate rfaas_ticks_rate = {.counter = 0, .nanoseconds_32 = 1ull << 32, .microsecond = 1000};

#if defined(__x86_64__)

struct instant {
  uint64_t ticks;
  uint64_t nanoseconds;
};

static struct instant loaded;
static pthread_mutex_t calibrating = PTHREAD_MUTEX_INITIALIZER;

/* Whether the counter runs at one rate in every power state ("invariant TSC"). */
static int counter_is_constant(void) {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
}

/* Both clocks at one moment: of some tries the one in which nothing came between. */
static struct instant both_clocks(void) {
  struct instant best = {0, 0};
  uint64_t narrowest = UINT64_MAX;
  for (int i = 0; i < 5; i++) {
    uint64_t before = __rdtsc();
    uint64_t nanoseconds = rfaas_clock_nanoseconds();
    uint64_t after = __rdtsc();
    if (after - before < narrowest) {
      narrowest = after - before;
      best.ticks = before + (after - before) / 2;
      best.nanoseconds = nanoseconds;
    }
  }
  return best;
}

/* The time since the library was loaded is the interval to measure over, so that calibration seldom has to wait. */
__attribute__((constructor)) static void remember_load(void) {
  loaded = both_clocks();
}

void rfaas_ticks_calibrate(void) {
  pthread_mutex_lock(&calibrating);
  if (rfaas_ticks_rate.counter == 0 && counter_is_constant()) {
    while (rfaas_clock_nanoseconds() - loaded.nanoseconds < CALIBRATION_NANOSECONDS) {
      _mm_pause();
    }
    struct instant now = both_clocks();
    __extension__ typedef unsigned __int128 wide;
    uint64_t ticks = now.ticks - loaded.ticks;
    uint64_t nanoseconds = now.nanoseconds - loaded.nanoseconds;
    if (now.ticks > loaded.ticks) {
      rfaas_ticks_rate.nanoseconds_32 = (uint64_t)(((wide)nanoseconds << 32) / ticks);
      rfaas_ticks_rate.microsecond = (uint64_t)((wide)ticks * 1000u / nanoseconds) + 1;
      __atomic_store_n(&rfaas_ticks_rate.counter, 1, __ATOMIC_RELEASE);
    }
  }
  pthread_mutex_unlock(&calibrating);
}

#elif defined(__aarch64__)

void rfaas_ticks_calibrate(void) {
  uint64_t frequency;
  __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
  if (frequency != 0) {
    rfaas_ticks_rate.nanoseconds_32 = (uint64_t)(((unsigned __int128)1000000000u << 32) / frequency);
    rfaas_ticks_rate.microsecond = frequency / 1000000u + 1;
    __atomic_store_n(&rfaas_ticks_rate.counter, 1, __ATOMIC_RELEASE);
  }
}

#else

void rfaas_ticks_calibrate(void) {
}

#endif
