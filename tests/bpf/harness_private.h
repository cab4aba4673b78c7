/* SPDX-License-Identifier: BSD-2-Clause */
/* What harness.c and harness_maps.c share. */
#ifndef TESTS_BPF_HARNESS_PRIVATE_H
#define TESTS_BPF_HARNESS_PRIVATE_H

#include "harness.h"

#include "base/address.h"
#include "policy/compile.h"
#include "sluice.skel.h"

#define CPUS_MAX 512

struct harness {
	struct sluice_bpf *skel;
	struct harness_options options;
	struct numbering *numbering;
	struct compiled compiled;
	struct source_bits bits;
	uint32_t generation;
	int cpus;
	struct sl_state *state;
	struct sl_line *strangers;
};

size_t harness_strangers_size(const struct harness *harness);
void harness_filter_add(struct harness *harness, const struct sl_source *source);
struct sl_config harness_read_config(struct harness *harness);
void harness_write_config(struct harness *harness, const struct sl_config *config);

#endif
