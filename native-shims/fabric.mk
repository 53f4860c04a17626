# SPDX-License-Identifier: BSD-3-Clause
# The libfabric fabric, build/librdmalib_libfabric.so, where libfabric's headers are. Included by the Makefile.
#   make check-fabric   runs its C tests, as make check and make asan do too; providers that this machine lacks are
#                       skipped, saying so
#   make check-fabric-verbs   those that are about what a provider carries, on libfabric's verbs alone

ifeq ($(wildcard /usr/include/rdma/fi_endpoint.h),)
$(info libfabric: not built: no headers of libfabric (Debian: apt-get install libfabric-dev))
.PHONY: fabric-programs check-fabric-verbs
fabric-programs check-fabric-verbs: ;
else

# Memory that is mapped, blanked and given back is the same on all fabrics, and so is the table.
FABRIC_OBJECTS := $(call objects,$(COMMON) $(wildcard src/fabric/*.c) src/shm/sealed-memory.c src/shm/table.c)
FABRIC_TESTS := $(wildcard test/fabric/*.c)
FABRIC_PROGRAMS := $(patsubst test/%.c,$(BUILD)/test/%,$(FABRIC_TESTS))
LIBRARIES += $(BUILD)/librdmalib_libfabric.so
all: $(BUILD)/libfabric_latency

$(BUILD)/librdmalib_libfabric.so: $(FABRIC_OBJECTS)
	$(CC) $(SANITIZE) $(SHARED) $(LDFLAGS) $^ -o $@ -lfabric -lpthread

$(BUILD)/test/fabric/%: $(BUILD)/objects/test/fabric/%.o $(FABRIC_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) $(LDFLAGS) $^ -o $@ -lfabric -lpthread

$(BUILD)/libfabric_latency: $(BUILD)/objects/bench/libfabric_latency.o $(BUILD)/objects/src/loops/ticks.o
	$(CC) $(SANITIZE) $(LDFLAGS) $^ -o $@ -lfabric -lpthread

.PHONY: fabric fabric-programs check-fabric check-fabric-verbs
fabric: $(BUILD)/librdmalib_libfabric.so
fabric-programs: $(FABRIC_PROGRAMS)
check-fabric: $(FABRIC_PROGRAMS)
	@for program in $(FABRIC_PROGRAMS); do echo "$$program"; "$$program" || exit 1; done
check-fabric-verbs: $(FABRIC_PROGRAMS)
	@for name in operations connections waiting stranger; do "$(BUILD)/test/fabric/$$name-test" verbs || exit 1; done

check: check-fabric
# Not under ThreadSanitizer, which knows nothing of the threads in libfabric.
ifneq ($(findstring address,$(SANITIZE)),)
check-only: check-fabric
endif

endif
