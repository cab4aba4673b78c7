# SPDX-License-Identifier: BSD-2-Clause
#
#   make            build/sluiced, build/sluice
#   make run        see the limiter at work (root); IFACE=eth0 POLICY=file protects a real interface
#   make test       everything; make check: what needs neither root nor BPF
#   make bench      one table of what a packet costs, beside its peers (root)
#   make lint format install
#
# Without clang or BPF headers the agent still builds, from the same sources.

PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
VERSION := 0.1.0

CC       := gcc
CLANG    := clang
BPFTOOL  ?= $(shell command -v bpftool 2>/dev/null || echo /usr/sbin/bpftool)
SANITIZE ?=

WARN   := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
CFLAGS ?= -O2 -g
# -std=gnu11: statement expressions (take_ptr) and cleanup attributes, which both compilers have.
override CFLAGS += -std=gnu11 $(WARN) -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' \
	-fstack-protector-strong -fPIE \
	-Iinclude -Iagent -I$(BUILD)/gen -MMD -MP $(SANITIZE)
LDFLAGS += -pie -Wl,-z,relro,-z,now $(SANITIZE)
AGENT_LIBS := -lxdp -lbpf -lmnl -lyaml -ljansson -lcap -lm
TOOL_LIBS  := -ljansson -lncursesw -ltinfo

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter \
	-Wno-address-of-packed-member -Iinclude -Ibpf -I/usr/include/$(MULTIARCH) -MMD -MP

BPF_OBJS   := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c))
SKELETONS  := $(patsubst bpf/%.bpf.c,$(BUILD)/gen/%.skel.h,$(wildcard bpf/*.bpf.c))
AGENT_SRC  := $(wildcard agent/base/*.c agent/policy/*.c agent/kernel/*.c agent/message/*.c agent/cache/*.c agent/http/*.c agent/control/*.c)
AGENT_OBJS := $(AGENT_SRC:%.c=$(BUILD)/%.o)
TOOL_OBJS  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/sluice/*.c))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
BPF_TESTS  := $(patsubst tests/bpf/%.c,$(BUILD)/tests/bpf/%,$(wildcard tests/bpf/test_*.c))

all: $(BUILD)/sluiced $(BUILD)/sluice

$(BUILD)/libsluice.a: $(AGENT_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/sluiced: $(patsubst %.c,$(BUILD)/%.o,$(wildcard agent/*.c)) $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

$(BUILD)/sluice: $(TOOL_OBJS)
	$(CC) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

# Only kernel/ and the program tests see the skeletons.
$(filter $(BUILD)/agent/kernel/%.o,$(AGENT_OBJS)): | $(SKELETONS)

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(BUILD)/gen/%.skel.h: $(BUILD)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(BPFTOOL) gen skeleton $< name $(subst .,_,$*)_bpf > $@.new && mv $@.new $@

$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libsluice.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Itests/unit $(LDFLAGS) -o $@ $< $(BUILD)/libsluice.a -lcmocka $(AGENT_LIBS)

# What the program tests share: frames, and the program under a policy and a clock.
BPF_TEST_OBJS := $(patsubst tests/bpf/%.c,$(BUILD)/tests/bpf/%.o,\
	$(filter-out tests/bpf/test_%,$(wildcard tests/bpf/*.c)))

$(BPF_TEST_OBJS): $(SKELETONS)

$(BUILD)/tests/bpf/%: tests/bpf/%.c $(BPF_TEST_OBJS) $(BUILD)/libsluice.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Itests/bpf $(LDFLAGS) -o $@ $< $(BPF_TEST_OBJS) $(BUILD)/libsluice.a \
		-lcmocka -lpthread $(AGENT_LIBS)

# The parser under libFuzzer; its first inputs come from the builders of the program tests. An IP header
# lies 14 bytes into a frame: BPF programs read unaligned words by nature, so that is no finding.
FUZZ_CFLAGS := -O1 -g -std=gnu11 $(WARN) -D_GNU_SOURCE -Iinclude -Ibpf -I$(BUILD)/gen \
	-fsanitize=fuzzer,address,undefined -fno-sanitize=alignment -fno-sanitize-recover=all

$(BUILD)/fuzz/fuzz_packet: tests/fuzz/fuzz_packet.c $(SKELETONS)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -MMD -MP -o $@ $< -lbpf

$(BUILD)/fuzz/seeds_packet: tests/fuzz/seeds_packet.c $(BUILD)/tests/bpf/frame.o
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Itests/bpf $(LDFLAGS) -o $@ $^

# The traffic generator of the end-to-end tests, `make run` and `make bench`: its own BPF program.
$(BUILD)/gen/trafficgen.skel.h: tools/trafficgen/trafficgen.bpf.c
	@mkdir -p $(@D) $(BUILD)/tools/trafficgen
	$(CLANG) $(BPF_CFLAGS) -c -o $(BUILD)/tools/trafficgen/trafficgen.bpf.o $<
	$(BPFTOOL) gen skeleton $(BUILD)/tools/trafficgen/trafficgen.bpf.o name trafficgen_bpf \
		> $@.new && mv $@.new $@

TRAFFICGEN_OBJS := $(patsubst %,$(BUILD)/tools/trafficgen/%.o,trafficgen options sender template)

$(BUILD)/tools/trafficgen/sender.o: $(BUILD)/gen/trafficgen.skel.h

$(BUILD)/trafficgen: $(TRAFFICGEN_OBJS)
	$(CC) $(LDFLAGS) -o $@ $^ -lbpf

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean:
	rm -rf $(BUILD)

.PHONY: all clean
.SECONDARY:
