/* SPDX-License-Identifier: BSD-3-Clause */
/* Resolving without waiting, where the peer is asked: for every fabric whose fixture is included before. */
#ifndef RESOLVING_H
#define RESOLVING_H

#include <errno.h>

/* Asked without waiting, told by an event, taken by another call; what is asked in between gives the question up.
 * Disconnects the asker. */
static inline void check_resolving(struct side *asker, struct side *owner) {
  struct shim_remote remotes[3];
  struct shim_region_info infos[3];
  struct shim_region *regions[3];
  int targets[3];
  for (uint32_t i = 0; i < 3; i++) {
    regions[i] = fixture_region(owner->domain, 100, SHIM_LOCAL_WRITE | SHIM_REMOTE_READ, 0, &infos[i]);
    remotes[i] = (struct shim_remote){.address = infos[i].remote_address, .rkey = infos[i].rkey, .length = 100};
  }
  while ((targets[0] = shim_endpoint_resolve(asker->endpoint, &remotes[0], 0)) == -EINPROGRESS)
    (void)fixture_expect(asker->domain, SHIM_EVENT_RESOLVED);
  int asked = shim_endpoint_resolve(asker->endpoint, &remotes[1], 0);
  CHECK(asked == -EINPROGRESS || asked >= 0);
  targets[2] = shim_endpoint_resolve(asker->endpoint, &remotes[2], 5000);
  targets[1] = shim_endpoint_resolve(asker->endpoint, &remotes[1], 5000);
  const uint8_t *read = (const uint8_t *)(uintptr_t)asker->info.address;
  for (uint32_t i = 0; i < 3; i++) {
    CHECK(targets[i] >= 0 && targets[i] != targets[(i + 1) % 3]);
    ((uint8_t *)(uintptr_t)infos[i].address)[0] = (uint8_t)(i + 1);
    struct shim_work work = fixture_work(asker, SHIM_READ, SHIM_SIGNALED, (uint32_t)targets[i], 0, 1);
    CHECK_EQUAL(shim_post(asker->endpoint, &work), 0);
    CHECK_EQUAL(fixture_completion(asker->queue).status, SHIM_SUCCESS);
    CHECK_EQUAL(read[0], i + 1);
  }
  CHECK_EQUAL(shim_endpoint_disconnect(asker->endpoint), 0);
  remotes[0].rkey++;
  CHECK_EQUAL(shim_endpoint_resolve(asker->endpoint, &remotes[0], 0), -ENOTCONN);
  for (uint32_t i = 0; i < 3; i++) {
    CHECK_EQUAL(shim_region_close(regions[i]), 0);
    CHECK_EQUAL(shim_unmap(infos[i].address, infos[i].mapped_length), 0);
  }
}

#endif
