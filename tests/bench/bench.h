/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `bench`: one measurement, or one attached program, per run; tests/bench/run arranges them.
 * Whatever fails ends the program with a line that says what.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "step.h"

struct datapath;

struct bench_options {
	const char *program;   /* bare, sluice, verdict, xdp-filter */
	const char *policy;    /* file; sluice and verdict */
	const char *interface; /* attach */
	uint32_t sources;      /* a power of two; 0: ever new */
	uint32_t bans;	       /* so many of the sources are banned, or denied by xdp-filter */
	uint32_t other_bans;   /* so many that do not send are banned */
	uint16_t port;
	bool is_tcp_syn;
	unsigned rounds;
	uint32_t packets;      /* a round */
	double settle_seconds; /* at most, until the state stops changing */
};

void die(const char *what, int error) __attribute__((noreturn));

static inline uint32_t bench_mask(const struct bench_options *options)
{
	return options->sources ? options->sources - 1 : BENCH_EVER_NEW;
}

/* The datapath of this network namespace, new, under options' policy and bans. End with setup_end(). */
struct datapath *setup_datapath(const struct bench_options *options);
void setup_end(struct datapath *datapath);

/* xdp-filter's "deny by address" object, loaded, with options' bans. Returns the program's fd, open to the end. */
int setup_xdp_filter(const struct bench_options *options);

/* Run the program on packets of options' sources; prints one JSON object. */
void measure(const struct bench_options *options);

/* Keep the program attached natively to options' interface until standard input ends. */
void attach(const struct bench_options *options);

#endif
