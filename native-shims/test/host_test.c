/* SPDX-License-Identifier: BSD-3-Clause */
/* Affinity, death with the parent, and libraries from a path. */
#define _GNU_SOURCE
#include "rfaas_host.h"
#include "support/check.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 64

static const char *last_text(void) {
  static char text[1024];
  CHECK(rfaas_host_error_text(text, sizeof text) > 0);
  return text;
}

static uint32_t lowest_processor(const uint64_t *mask) {
  for (uint32_t word = 0; word < WORDS; word++) {
    if (mask[word] != 0) {
      return word * 64 + (uint32_t)__builtin_ctzll(mask[word]);
    }
  }
  abort();
}

static void *bind_to_one(void *argument) {
  const uint64_t *allowed = argument;
  uint64_t one[WORDS] = {0};
  uint64_t now[WORDS] = {0};
  uint32_t processor = lowest_processor(allowed);
  one[processor / 64] = 1ull << processor % 64;
  CHECK_EQUAL(rfaas_set_affinity(0, one, WORDS), 0);
  CHECK(rfaas_get_affinity(rfaas_thread_id(), now, WORDS) > 0);
  CHECK_EQUAL(memcmp(one, now, sizeof one), 0);
  CHECK_EQUAL(rfaas_thread_id(), syscall(SYS_gettid));
  return NULL;
}

static void a_thread_is_bound_alone(void) {
  uint64_t before[WORDS];
  uint64_t after[WORDS];
  CHECK(rfaas_get_affinity(0, before, WORDS) > 0);
  pthread_t thread;
  CHECK_EQUAL(pthread_create(&thread, NULL, bind_to_one, before), 0);
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  CHECK(rfaas_get_affinity(0, after, WORDS) > 0);
  CHECK_EQUAL(memcmp(before, after, sizeof before), 0);
}

static void impossible_bindings_are_refused(void) {
  uint64_t none[WORDS] = {0};
  CHECK_EQUAL(rfaas_set_affinity(0, none, WORDS), -EINVAL);
  CHECK(strstr(last_text(), "sched_setaffinity") != NULL);
  CHECK_EQUAL(rfaas_set_affinity(0, none, 0), -EINVAL);
  CHECK_EQUAL(rfaas_get_affinity(0, NULL, 1), -EINVAL);
  none[0] = 1;
  CHECK_EQUAL(rfaas_set_affinity(INT32_MAX, none, WORDS), -ESRCH);
  char cut[5];
  CHECK_EQUAL(rfaas_host_error_text(cut, sizeof cut), 4);
  CHECK_EQUAL(strlen(cut), 4);
}

static void the_kernel_is_told_about_the_parent(void) {
  CHECK_EQUAL(rfaas_die_with_parent(1000), -EINVAL);
  CHECK_EQUAL(rfaas_die_with_parent(SIGKILL), 0);
  int signal_set = 0;
  CHECK_EQUAL(prctl(PR_GET_PDEATHSIG, &signal_set), 0);
  CHECK_EQUAL(signal_set, SIGKILL);
  CHECK_EQUAL(rfaas_die_with_parent(0), 0);
}

static void a_grandchild_dies_with_the_child(void) {
  /* The grandchild holds the write end until it ends: then the read end hangs up. */
  int ends[2];
  int ready[2];
  CHECK_EQUAL(pipe(ends), 0);
  CHECK_EQUAL(pipe(ready), 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (fork() == 0) {
      CHECK_EQUAL(rfaas_die_with_parent(SIGKILL), 0);
      CHECK_EQUAL(write(ready[1], "r", 1), 1);
      for (;;) {
        pause();
      }
    }
    for (;;) {
      pause();
    }
  }
  close(ends[1]);
  char byte;
  CHECK_EQUAL(read(ready[0], &byte, 1), 1);
  kill(child, SIGKILL);
  CHECK_EQUAL(waitpid(child, NULL, 0), child);
  struct pollfd hang_up = {.fd = ends[0], .events = POLLIN};
  CHECK_EQUAL(poll(&hang_up, 1, 20000), 1);
  CHECK_EQUAL(read(ends[0], &byte, 1), 0);
  close(ends[0]);
  close(ready[0]);
  close(ready[1]);
}

static void libraries_are_loaded_and_searched(void) {
  uint64_t library = 0;
  uint64_t symbol = 0;
  CHECK_EQUAL(rfaas_library_open("libm.so.6", &library), 0);
  CHECK_EQUAL(rfaas_library_symbol(library, "cos", &symbol), 0);
  double (*cosine)(double) = (double (*)(double))(uintptr_t)symbol;
  CHECK(cosine(0.0) == 1.0);
  CHECK_EQUAL(rfaas_library_symbol(library, "no_such_function", &symbol), -ENOENT);
  CHECK(strstr(last_text(), "no_such_function") != NULL);
  CHECK_EQUAL(rfaas_library_open("/proc/self/status", &library), -ENOEXEC);
  CHECK(strstr(last_text(), "/proc/self/status") != NULL);
  CHECK_EQUAL(rfaas_library_open("/nowhere/lib.so", &library), -ENOEXEC);
  CHECK_EQUAL(rfaas_library_open(NULL, &library), -EINVAL);
  CHECK_EQUAL(rfaas_library_symbol(0, "f", &symbol), -EINVAL);
}

static int is_mapped(const char *name) {
  FILE *maps = fopen("/proc/self/maps", "r");
  CHECK(maps != NULL);
  char line[512];
  int found = 0;
  while (fgets(line, sizeof line, maps) != NULL) {
    found |= strstr(line, name) != NULL;
  }
  fclose(maps);
  return found;
}

static void a_closed_library_is_unloaded(void) {
  /* Of glibc, and used by nothing else here. */
  const char *name = "libBrokenLocale.so.1";
  uint64_t library = 0;
  CHECK_EQUAL(rfaas_library_open(name, &library), 0);
  CHECK(is_mapped("libBrokenLocale"));
  CHECK_EQUAL(rfaas_library_close(library), 0);
  CHECK(!is_mapped("libBrokenLocale"));
  CHECK_EQUAL(rfaas_library_close(0), -EINVAL);
  CHECK(strstr(last_text(), "none is named") != NULL);
}

int main(void) {
  RUN(a_thread_is_bound_alone);
  RUN(impossible_bindings_are_refused);
  RUN(the_kernel_is_told_about_the_parent);
  RUN(a_grandchild_dies_with_the_child);
  RUN(libraries_are_loaded_and_searched);
  RUN(a_closed_library_is_unloaded);
  return 0;
}
