/* SPDX-License-Identifier: BSD-3-Clause */
/* What a killed process leaves of libfabric's shm is gone once somebody else opens a domain on it. */
#define _GNU_SOURCE
#include "fixture.h"

#include <glob.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* How many files in /dev/shm are called after a process. */
static size_t files_of(int pid) {
  char pattern[64];
  glob_t found;
  (void)snprintf(pattern, sizeof pattern, "/dev/shm/%d:*", pid);
  int answer = glob(pattern, 0, NULL, &found);
  CHECK(answer == 0 || answer == GLOB_NOMATCH);
  size_t count = found.gl_pathc;
  globfree(&found);
  return count;
}

/* A process with a domain, until it is killed. */
static pid_t start_owner(void) {
  int ready[2];
  char byte = 0;
  CHECK_EQUAL(pipe(ready), 0);
  pid_t owner = fork();
  CHECK(owner >= 0);
  if (owner == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)fixture_domain("");
    CHECK_EQUAL(write(ready[1], &byte, 1), 1);
    for (;;)
      (void)pause();
  }
  CHECK_EQUAL(read(ready[0], &byte, 1), 1);
  (void)close(ready[0]);
  (void)close(ready[1]);
  return owner;
}

static void open_and_close(void) {
  CHECK_EQUAL(shim_domain_close(fixture_domain("")), 0);
}

static void files_of_the_dead_go_and_those_of_the_living_stay(void) {
  pid_t owner = start_owner();
  CHECK(files_of(owner) > 0);
  open_and_close();
  CHECK(files_of(owner) > 0);
  CHECK_EQUAL(kill(owner, SIGKILL), 0);
  CHECK_EQUAL(waitpid(owner, NULL, 0), owner);
  CHECK(files_of(owner) > 0);
  open_and_close();
  CHECK_EQUAL(files_of(owner), 0);
}

static void other_files_of_the_name_stay(void) {
  char name[64];
  /* It says that it is another user's than it is, and no process has so high a number. */
  (void)snprintf(name, sizeof name, "/dev/shm/999999999:%u:0", (unsigned int)geteuid() + 1u);
  FILE *stream = fopen(name, "w");
  CHECK(stream != NULL);
  CHECK_EQUAL(fclose(stream), 0);
  open_and_close();
  CHECK_EQUAL(unlink(name), 0);
}

static void run(void) {
  struct stat own;
  if (strstr(fixture_provider, "shm") == NULL)
    return;
  if (stat("/proc/self/ns/pid", &own) != 0 || own.st_ino != 0xEFFFFFFCu) {
    (void)printf("skipped: in a container nothing is swept\n");
    return;
  }
  RUN(files_of_the_dead_go_and_those_of_the_living_stay);
  RUN(other_files_of_the_name_stay);
}

int main(int argc, char **argv) {
  return fixture_for_each(argc, argv, run);
}
