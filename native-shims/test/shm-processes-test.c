/* SPDX-License-Identifier: BSD-3-Clause */
/* Two processes: sleeping and waking across them, killed peers, killed listeners; and what is left behind. */
#define _GNU_SOURCE
#include "support/shm-fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void tell(struct shim_endpoint *endpoint, uint32_t immediate) {
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_IMMEDIATE, .immediate = immediate};
  CHECK_EQUAL(shim_post(endpoint, &work), 0);
}

/* Sleeps for the next immediate. */
static uint32_t sleep_for_one(struct side *side) {
  struct shim_completion completion;
  for (int i = 0; i < 100; i++)
    if (shim_queue_block(side->queue, &completion, 1, 5000) == 1) {
      CHECK_EQUAL(completion.status, SHIM_SUCCESS);
      return completion.immediate;
    }
  CHECK(!"a completion");
  return 0;
}

static void serve_one(struct side *side, struct shim_listener *listener) {
  struct shim_event event = fixture_expect(side->domain, SHIM_EVENT_CONNECT_REQUEST);
  CHECK(event.owner_id > 0);
  fixture_fill(side, (struct shim_request *)(uintptr_t)event.object, 16);
  CHECK_EQUAL(shim_post_receive(side->endpoint, NULL, 0, 0, 0, 16), 0);
  CHECK_EQUAL(shim_endpoint_accept(side->endpoint, NULL, 0), 0);
  CHECK_EQUAL(shim_listener_close(listener), 0);
}

static void join(struct side *side, uint32_t port) {
  side->domain = fixture_domain("");
  fixture_fill(side, NULL, 16);
  CHECK_EQUAL(shim_post_receive(side->endpoint, NULL, 0, 0, 0, 16), 0);
  CHECK_EQUAL(shim_endpoint_connect(side->endpoint, "", port, NULL, 0, 5000), 0);
  (void)fixture_expect(side->domain, SHIM_EVENT_ESTABLISHED);
}

/* Runs `other` in a child process with the port that this process listens at, while this one accepts. */
static pid_t start(struct side *side, void (*other)(uint32_t)) {
  struct shim_listener *listener;
  int pipe_fds[2];
  CHECK_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
  pid_t child = fork(); /* before this process has a domain: a fork shares no thread */
  CHECK(child >= 0);
  if (child == 0) {
    uint32_t port;
    CHECK_EQUAL(read(pipe_fds[0], &port, sizeof port), sizeof port);
    other(port);
    _exit(0);
  }
  *side = (struct side){.domain = fixture_domain("")};
  CHECK(shim_listener_open(side->domain, "", 0, 4, &listener) > 0);
  uint32_t port = (uint32_t)shim_listener_port(listener);
  CHECK_EQUAL(write(pipe_fds[1], &port, sizeof port), sizeof port);
  (void)close(pipe_fds[0]);
  (void)close(pipe_fds[1]);
  serve_one(side, listener);
  return child;
}

static void expect_exit(pid_t child, int expected) {
  int status;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, expected);
}

static void echo_asleep(uint32_t port) {
  struct side side = {.domain = NULL};
  join(&side, port);
  for (uint32_t last = 1; last != 0;) {
    last = sleep_for_one(&side);
    CHECK_EQUAL(shim_post_receive(side.endpoint, NULL, 0, 0, 0, 1), 0);
    tell(side.endpoint, last + 1u);
  }
  (void)fixture_expect(side.domain, SHIM_EVENT_DISCONNECTED);
  fixture_close(&side);
}

static void sleepers_wake_each_other(void) {
  struct side side;
  pid_t child = start(&side, echo_asleep);
  for (uint32_t i = 2000; i-- > 0;) {
    tell(side.endpoint, i);
    CHECK_EQUAL(sleep_for_one(&side), i + 1u);
    CHECK_EQUAL(shim_post_receive(side.endpoint, NULL, 0, 0, 0, 1), 0);
  }
  fixture_close(&side);
  expect_exit(child, 0);
}

static void leave_without_a_word(uint32_t port) {
  struct side side = {.domain = NULL};
  join(&side, port);
  tell(side.endpoint, 5);
  _exit(0);
}

static void an_exit_is_a_death(void) {
  struct side side;
  pid_t child = start(&side, leave_without_a_word);
  CHECK_EQUAL(fixture_expect(side.domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_PEER_DIED);
  CHECK_EQUAL(sleep_for_one(&side), 5);
  fixture_close(&side);
  expect_exit(child, 0);
}

/* Makes a child that keeps the socket open, says so, and waits for its end. */
static void keep_a_child(uint32_t port) {
  struct side side = {.domain = NULL};
  join(&side, port);
  pid_t heir = fork();
  if (heir == 0)
    for (;;)
      (void)pause();
  tell(side.endpoint, (uint32_t)heir);
  for (;;)
    (void)pause();
}

static void a_killed_peer_with_an_heir_is_noticed(void) {
  struct side side;
  pid_t child = start(&side, keep_a_child);
  pid_t heir = (pid_t)sleep_for_one(&side);
  CHECK_EQUAL(kill(child, SIGKILL), 0);
  struct shim_event event = fixture_expect(side.domain, SHIM_EVENT_DISCONNECTED);
  CHECK_EQUAL(event.reason, SHIM_PEER_DIED);
  struct shim_completion completions[16];
  CHECK_EQUAL(shim_queue_block(side.queue, completions, 16, 5000), 15);
  CHECK_EQUAL(completions[0].status, SHIM_FLUSHED);
  CHECK_EQUAL(kill(heir, 0), 0); /* it was there all the time */
  CHECK_EQUAL(kill(heir, SIGKILL), 0);
  fixture_close(&side);
  expect_exit(child, SIGKILL);
}

/* A process that listens on *port until it is killed. */
static pid_t start_listener(uint32_t *listening) {
  int pipe_fds[2];
  CHECK_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
  pid_t child = fork();
  if (child == 0) {
    /* Gone too when a check fails here. */
    CHECK_EQUAL(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
    struct shim_listener *listener;
    CHECK(shim_listener_open(fixture_domain(""), "", 0, 4, &listener) > 0);
    uint32_t port = (uint32_t)shim_listener_port(listener);
    CHECK_EQUAL(write(pipe_fds[1], &port, sizeof port), sizeof port);
    for (;;)
      (void)pause();
  }
  CHECK_EQUAL(read(pipe_fds[0], listening, sizeof *listening), sizeof *listening);
  (void)close(pipe_fds[0]);
  (void)close(pipe_fds[1]);
  return child;
}

static bool port_has_files(uint32_t port) {
  char sock[128];
  char lock[128];
  (void)snprintf(sock, sizeof sock, "%s/%u.sock", fixture_directory, port);
  (void)snprintf(lock, sizeof lock, "%s/%u.lock", fixture_directory, port);
  return access(sock, F_OK) == 0 || access(lock, F_OK) == 0;
}

static void a_listener_clears_away_what_killed_ones_left(void) {
  uint32_t dead;
  uint32_t alive;
  pid_t first = start_listener(&dead);
  pid_t second = start_listener(&alive);
  CHECK_EQUAL(kill(first, SIGKILL), 0);
  expect_exit(first, SIGKILL);
  CHECK(port_has_files(dead));
  struct shim_domain *domain = fixture_domain("");
  struct shim_listener *listener;
  CHECK(shim_listener_open(domain, "", 0, 4, &listener) > 0);
  CHECK(!port_has_files(dead));
  CHECK(port_has_files(alive));
  CHECK_EQUAL(shim_domain_close(domain), 0);
  CHECK_EQUAL(kill(second, SIGKILL), 0);
  expect_exit(second, SIGKILL);
}

static void a_killed_listener_is_taken_over(void) {
  uint32_t port;
  pid_t child = start_listener(&port);
  struct shim_domain *domain = fixture_domain("");
  struct shim_listener *listener;
  CHECK_EQUAL(shim_listener_open(domain, "", port, 4, &listener), -EADDRINUSE);
  CHECK(strstr(fixture_error(), "another port") != NULL);
  CHECK_EQUAL(kill(child, SIGKILL), 0);
  expect_exit(child, SIGKILL);
  CHECK(shim_listener_open(domain, "", port, 4, &listener) > 0);
  CHECK_EQUAL(shim_domain_close(domain), 0);
}

static void other_directories_are_refused(void) {
  char path[128];
  char options[160];
  struct shim_domain *domain;
  (void)snprintf(path, sizeof path, "%s/inner", fixture_directory);
  (void)snprintf(options, sizeof options, "directory=%s", path);
  CHECK_EQUAL(mkdir(path, 0700), 0);
  CHECK_EQUAL(chmod(path, 0777), 0);
  CHECK_EQUAL(shim_domain_open(options, &domain), -EACCES);
  CHECK(strstr(fixture_error(), "chmod") != NULL);
  CHECK_EQUAL(rmdir(path), 0);
  CHECK_EQUAL(symlink(fixture_directory, path), 0);
  CHECK_EQUAL(shim_domain_open(options, &domain), -ENOTDIR);
  CHECK_EQUAL(unlink(path), 0);
  CHECK_EQUAL(shim_domain_open("directory=relative", &domain), -EINVAL);
  CHECK_EQUAL(shim_domain_open("colour=red", &domain), -EINVAL);
  CHECK(strstr(fixture_error(), "colour") != NULL);
  CHECK_EQUAL(shim_domain_open("uids=1,x", &domain), -EINVAL);
  CHECK_EQUAL(shim_domain_open("handshake_ms=0", &domain), -EINVAL);
  CHECK_EQUAL(shim_domain_open("direct_map=2", &domain), -EINVAL);
}

static void a_stranger_is_not_served(void) {
  struct shim_domain *domain = fixture_domain("uids=12345,12346");
  struct shim_listener *listener;
  CHECK(shim_listener_open(domain, "", 0, 4, &listener) > 0);
  struct side side = {.domain = fixture_domain("")};
  fixture_fill(&side, NULL, 16);
  uint32_t port = (uint32_t)shim_listener_port(listener);
  CHECK_EQUAL(shim_endpoint_connect(side.endpoint, "", port, NULL, 0, 5000), 0);
  CHECK_EQUAL(fixture_expect(side.domain, SHIM_EVENT_FAILED).error, -ECONNRESET);
  fixture_close(&side);
  CHECK_EQUAL(shim_domain_close(domain), 0);
}

static void guards_stop(void) {
  struct shim_domain *domain = fixture_domain("");
  struct shim_region_info info;
  struct shim_region *region = fixture_region(domain, 5000, SHIM_LOCAL_WRITE, SHIM_REGION_GUARD, &info);
  CHECK_EQUAL(info.mapped_length, 3u * 4096u);
  CHECK_EQUAL(info.fd, -1);
  int pipe_fds[2]; /* the kernel refuses to read from an inaccessible page, without a signal */
  CHECK_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
  CHECK_EQUAL(write(pipe_fds[1], (void *)(uintptr_t)(info.address + 8191), 1), 1);
  CHECK_EQUAL(write(pipe_fds[1], (void *)(uintptr_t)(info.address + 8192), 1), -1);
  (void)close(pipe_fds[0]);
  (void)close(pipe_fds[1]);
  CHECK_EQUAL(shim_region_close(region), 0);
  CHECK_EQUAL(shim_unmap(info.address, info.mapped_length), 0);
  CHECK_EQUAL(shim_domain_close(domain), 0);
}

static void file_regions_load_as_libraries(void) {
  struct shim_domain *domain = fixture_domain("");
  struct shim_region_info info;
  Dl_info library;
  struct stat status;
  void *original = dlopen("libm.so.6", RTLD_NOW);
  CHECK(original != NULL && dladdr(dlsym(original, "floor"), &library) != 0);
  int fd = open(library.dli_fname, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && fstat(fd, &status) == 0);
  (void)fixture_region(domain, (uint64_t)status.st_size, SHIM_LOCAL_WRITE | SHIM_REMOTE_READ, SHIM_REGION_FILE, &info);
  uint8_t *to = (uint8_t *)(uintptr_t)info.address;
  for (off_t done = 0; done < status.st_size;) {
    ssize_t bytes = read(fd, to + done, (size_t)(status.st_size - done));
    CHECK(bytes > 0);
    done += bytes;
  }
  (void)close(fd);
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", info.fd);
  void *copy = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK(copy != NULL && copy != original);
  double (*floor_of)(double) = NULL;
  *(void **)&floor_of = dlsym(copy, "floor");
  CHECK(floor_of(2.5) == 2.0);
  CHECK_EQUAL(dlclose(copy), 0);
  CHECK_EQUAL(dlclose(original), 0);
  CHECK_EQUAL(shim_domain_close(domain), 0);
  CHECK_EQUAL(to[0], 0); /* a stale view reads zeros */
  CHECK_EQUAL(shim_unmap(info.address, info.mapped_length), 0);
}

int main(void) {
  fixture_start();
  RUN(sleepers_wake_each_other);
  RUN(an_exit_is_a_death);
  RUN(a_killed_peer_with_an_heir_is_noticed);
  RUN(a_killed_listener_is_taken_over);
  RUN(a_listener_clears_away_what_killed_ones_left);
  RUN(other_directories_are_refused);
  RUN(a_stranger_is_not_served);
  RUN(guards_stop);
  RUN(file_regions_load_as_libraries);
  return 0;
}
