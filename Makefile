# SPDX-License-Identifier: BSD-2-Clause
#
#   make            build/sluiced, build/sluice
#   make run        see the limiter at work (root); IFACE=eth0 POLICY=file protects a real interface
#   make test       everything; make check: what needs neither root nor BPF
#   make bench      tables of what a packet and a request cost, beside their peers (root)
#   make lint format install
#
# clang and bpftool make the BPF programs; gcc all else. tools/install-packages knows what Debian calls them.

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
AGENT_LIBS := -lxdp -lbpf -lmnl -lyaml -ljansson -lcap -lseccomp -lnettle -lm
TOOL_LIBS  := -ljansson -lnettle -lncursesw -ltinfo

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter \
	-Wno-address-of-packed-member -Iinclude -Ibpf -I/usr/include/$(MULTIARCH) -MMD -MP

BPF_OBJS   := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c))
SKELETONS  := $(patsubst bpf/%.bpf.c,$(BUILD)/gen/%.skel.h,$(wildcard bpf/*.bpf.c))
AGENT_SRC  := $(wildcard agent/*/*.c)
AGENT_OBJS := $(AGENT_SRC:%.c=$(BUILD)/%.o)
TOOL_OBJS  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/sluice/*.c))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
BPF_TESTS  := $(patsubst tests/bpf/%.c,$(BUILD)/tests/bpf/%,$(wildcard tests/bpf/test_*.c))

all: $(BUILD)/sluiced $(BUILD)/sluice

$(BUILD)/libsluice.a: $(AGENT_OBJS)
	@rm -f $@
	$(AR) qcs $@ $^

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

# The message parsers, compiled into each fuzzer: `$(BUILD)/fuzz/fuzz_head tests/fuzz/corpus/fuzz_head`.
MESSAGE_FUZZERS := $(patsubst %,$(BUILD)/fuzz/fuzz_%,head body structured range date)

$(MESSAGE_FUZZERS): $(BUILD)/fuzz/%: tests/fuzz/%.c $(wildcard agent/message/*.[ch]) tests/structured_text.h \
		$(patsubst %,agent/base/%.c,address digits)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -Iagent -o $@ $< $(filter agent/%.c,$^)

$(BUILD)/fuzz/fuzz_policy: tests/fuzz/fuzz_policy.c $(wildcard agent/policy/*.[ch] agent/message/*.[ch]) \
		$(patsubst %,agent/base/%.c,buffer file log address duration siphash digits)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -Iagent -o $@ $< $(filter agent/%.c,$^) -lyaml

$(BUILD)/fuzz/fuzz_cache: tests/fuzz/fuzz_cache.c $(wildcard agent/cache/*.[ch] agent/message/*.[ch]) \
		$(patsubst %,agent/base/%.c,buffer address digits siphash)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -Iagent -o $@ $< $(filter agent/%.c,$^) -lpthread

$(BUILD)/fuzz/fuzz_keys: tests/fuzz/fuzz_keys.c $(wildcard agent/policy/key_file*.[ch]) agent/base/siphash.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -Iagent -o $@ $< $(filter agent/%.c,$^)

FUZZERS := $(BUILD)/fuzz/fuzz_keys $(MESSAGE_FUZZERS) $(BUILD)/fuzz/fuzz_cache $(BUILD)/fuzz/fuzz_packet $(BUILD)/fuzz/fuzz_policy

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

# What one packet costs: our program, and others, behind a harness that changes the source each time.
$(BUILD)/gen/bench/%.skel.h: tests/bench/%.bpf.c $(wildcard tests/bench/*.h bpf/* include/sluice/*.h)
	@mkdir -p $(@D) $(BUILD)/tests/bench
	$(CLANG) $(BPF_CFLAGS) -Itests/bench -c -o $(BUILD)/tests/bench/$*.bpf.o $<
	$(BPFTOOL) gen skeleton $(BUILD)/tests/bench/$*.bpf.o name $*_bpf > $@.new && mv $@.new $@

BENCH_OBJS := $(patsubst %,$(BUILD)/tests/bench/%.o,bench measure setup)

$(BENCH_OBJS): override CFLAGS += -I$(BUILD)/gen/bench -Itools \
	-DBENCH_BPF_LIBRARY='"/usr/lib/$(MULTIARCH)/bpf"'
$(BUILD)/tests/bench/measure.o: $(patsubst %,$(BUILD)/gen/bench/%.skel.h,packet peer)

$(BUILD)/bench: $(BENCH_OBJS) $(BUILD)/tools/trafficgen/template.o $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

# The HTTP plane's load, and the least that a server can do, to compare with.
$(BUILD)/http-load: $(patsubst %,$(BUILD)/tests/bench/%.o,http_load load_how load_keys)
$(BUILD)/http-bare: $(BUILD)/tests/bench/http_bare.o
$(BUILD)/http-load $(BUILD)/http-bare:
	$(CC) $(LDFLAGS) -o $@ $^

HTTP_BENCH := $(BUILD)/http-load $(BUILD)/http-bare

# Drives kernel/ without the agent, for the tests of attaching; and a stranger's program to meet there.
$(BUILD)/tests/e2e/attach/driver: $(BUILD)/tests/e2e/attach/driver.o $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

$(BUILD)/tests/e2e/attach/other.bpf.o: tests/e2e/attach/other.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

E2E_PROGRAMS := $(BUILD)/trafficgen $(BUILD)/tests/e2e/attach/driver \
	$(BUILD)/tests/e2e/attach/other.bpf.o

tests-unit: all $(UNIT_TESTS) $(BUILD)/http-test $(BUILD)/wall-clock.so $(BUILD)/limits-oracle oracles
tests-bpf: $(BPF_TESTS) $(E2E_PROGRAMS)

tests-fuzz: $(FUZZERS)

# Agent and unit tests under AddressSanitizer and UndefinedBehaviorSanitizer.
tests-sanitize:
	$(MAKE) BUILD=$(BUILD)/sanitize CFLAGS='-O1 -g -Wno-format-truncation' \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' tests-unit

# The HTTP plane and what its threads share under ThreadSanitizer, for tests/e2e/http_threads.py.
THREAD_TESTS := cache_threads limit_table_shared
tests-thread:
	$(MAKE) BUILD=$(BUILD)/thread CFLAGS='-O1 -g -Wno-format-truncation' SANITIZE=-fsanitize=thread \
		$(BUILD)/thread/http-test $(THREAD_TESTS:%=$(BUILD)/thread/tests/unit/test_%)

# What needs neither root nor BPF.
check: tests-unit
	tests/run --check --build $(BUILD)

# Everything, from a fresh clone. Without root what needs it is skipped by name.
test:
	tools/install-packages test
	$(MAKE) -j2 tests-unit tests-bpf tests-fuzz tests-sanitize tests-thread
	tests/run --build $(BUILD)

run:
	tools/install-packages
	$(MAKE) all $(BUILD)/trafficgen
	tools/demo/run --build $(BUILD) $(if $(IFACE),--interface '$(IFACE)') \
		$(if $(POLICY),--policy '$(POLICY)')

bench:
	tools/install-packages test bench
	$(MAKE) all $(BUILD)/trafficgen $(BUILD)/bench $(HTTP_BENCH)
	tests/bench/run --build $(BUILD)

C_FILES = $(shell git ls-files '*.c' '*.h')

format:
	clang-format -i $(C_FILES)

lint: $(SKELETONS)
	tools/check-layers
	clang-format --dry-run -Werror $(C_FILES)
	BUILD=$(BUILD) tools/tidy

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)/etc/sluice \
		$(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d \
		$(DESTDIR)$(PREFIX)/share/doc/sluice
	install -m 0755 $(BUILD)/sluiced $(BUILD)/sluice $(DESTDIR)$(PREFIX)/sbin/
	install -m 0644 man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 0644 man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	sed 's,@SBIN@,$(PREFIX)/sbin,' tools/sluiced.service.in \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/sluiced.service
	install -m 0644 completions/sluice.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/sluice
	install -m 0644 completions/_sluice $(DESTDIR)$(PREFIX)/share/zsh/site-functions/
	install -m 0644 completions/sluice.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/
	install -d $(DESTDIR)$(PREFIX)/share/doc/sluice/docs/examples \
		$(DESTDIR)$(PREFIX)/share/doc/sluice/LICENSES $(DESTDIR)$(PREFIX)/share/doc/sluice/man \
		$(DESTDIR)$(PREFIX)/share/doc/sluice/bpf $(DESTDIR)$(PREFIX)/share/doc/sluice/include/sluice
	install -m 0644 README.md CHANGELOG.md CONTRIBUTING.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/sluice/
	# What the documents link to, pages and sources, lies where they say.
	install -m 0644 man/*.[58] $(DESTDIR)$(PREFIX)/share/doc/sluice/man/
	install -m 0644 bpf/*.[ch] $(DESTDIR)$(PREFIX)/share/doc/sluice/bpf/
	install -m 0644 include/sluice/*.h $(DESTDIR)$(PREFIX)/share/doc/sluice/include/sluice/
	install -m 0644 LICENSES/* $(DESTDIR)$(PREFIX)/share/doc/sluice/LICENSES/
	install -m 0644 docs/*.md docs/*.svg docs/*.txt $(DESTDIR)$(PREFIX)/share/doc/sluice/docs/
	install -m 0644 docs/examples/*.yaml $(DESTDIR)$(PREFIX)/share/doc/sluice/docs/examples/
	[ -e $(DESTDIR)/etc/sluice/policy.yaml ] || \
		install -m 0644 docs/examples/policy.yaml $(DESTDIR)/etc/sluice/policy.yaml

# The HTTP plane alone in one process, for its end-to-end tests.
$(BUILD)/http-test: $(BUILD)/tests/e2e/http/driver.o $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ -lpthread $(AGENT_LIBS)

$(BUILD)/wall-clock.so: tests/e2e/http/wall_clock.c
	@mkdir -p $(@D)
	$(CC) $(WARN) -O2 -D_GNU_SOURCE -fPIC -shared -o $@ $<

# Our side of the comparisons with other implementations: caching rules, structured fields.
ORACLES := $(BUILD)/cache-verdicts $(BUILD)/structured-values

$(BUILD)/cache-verdicts: $(BUILD)/tests/e2e/cache/verdicts.o $(BUILD)/libsluice.a
$(BUILD)/structured-values: $(BUILD)/tests/e2e/cache/structured.o $(BUILD)/libsluice.a
$(ORACLES):
	$(CC) $(LDFLAGS) -o $@ $^ -lpthread $(AGENT_LIBS)

oracles: $(ORACLES)

# Limits at given instants, for their test beside Flask-Limiter.
$(BUILD)/limits-oracle: $(BUILD)/tests/e2e/limits/oracle.o $(BUILD)/libsluice.a
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean:
	rm -rf $(BUILD)

.PHONY: all oracles tests-unit tests-bpf tests-fuzz tests-sanitize tests-thread check test run bench format lint install clean
.SECONDARY:
