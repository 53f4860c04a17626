# SPDX-License-Identifier: BSD-3-Clause
# The verbs fabric, build/librdmalib_verbs.so, where libibverbs' and librdmacm's headers are. Included by the Makefile.
#   make check-verbs   runs its C tests; they need an RDMA device and skip, saying so, where there is none

VERBS_HEADERS := $(wildcard /usr/include/infiniband/verbs.h) $(wildcard /usr/include/rdma/rdma_cma.h)
ifneq ($(words $(VERBS_HEADERS)),2)
$(info verbs: not built: no headers of libibverbs and librdmacm (Debian: apt-get install libibverbs-dev librdmacm-dev))
else

# Memory that is mapped, blanked and given back is the same on both fabrics.
VERBS_OBJECTS := $(call objects,$(COMMON) $(wildcard src/verbs/*.c) src/shm/sealed-memory.c)
VERBS_TESTS := $(wildcard test/verbs/*.c)
VERBS_PROGRAMS := $(patsubst test/%.c,$(BUILD)/test/%,$(VERBS_TESTS))
LIBRARIES += $(BUILD)/librdmalib_verbs.so
all: $(BUILD)/verbs_latency

$(BUILD)/librdmalib_verbs.so: $(VERBS_OBJECTS)
	$(CC) $(SANITIZE) $(SHARED) $(LDFLAGS) $^ -o $@ -lrdmacm -libverbs -lpthread

$(BUILD)/test/verbs/%: $(BUILD)/objects/test/verbs/%.o $(VERBS_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) $(LDFLAGS) $^ -o $@ -lrdmacm -libverbs -lpthread

$(BUILD)/verbs_latency: $(BUILD)/objects/bench/verbs_latency.o $(BUILD)/objects/src/loops/ticks.o
	$(CC) $(SANITIZE) $(LDFLAGS) $^ -o $@ -lrdmacm -libverbs -lpthread

.PHONY: verbs verbs-programs check-verbs
verbs: $(BUILD)/librdmalib_verbs.so
verbs-programs: $(VERBS_PROGRAMS)
check-verbs: $(VERBS_PROGRAMS)
	@for program in $(VERBS_PROGRAMS); do echo "$$program"; "$$program" || exit 1; done

endif
