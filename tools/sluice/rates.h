/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `sluice top` shows: packets per second, from two answers of the agent and the time
 * between them. Pure: time is an argument, and the answers come from outside.
 */
#ifndef SLUICE_RATES_H
#define SLUICE_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <sluice/abi.h>

#define RATES_NAME_MAX	  64
#define RATES_HISTORY	  60  /* looks remembered for the little curves */
#define RATES_SOURCES_MAX 500 /* asked of the agent, and kept */
#define RATES_REASONS_MAX 64

struct rates_source {
	char name[RATES_NAME_MAX]; /* this and all text here is printable ASCII */
	char tier[RATES_NAME_MAX];
	double per_second[SL_VERDICT_COUNT];
	double bytes_per_second;
	uint64_t dropped;	     /* ever */
	int64_t banned_until_unix_s; /* 0: not banned */
};

struct rates_reason {
	char label[RATES_NAME_MAX];
	enum sl_verdict verdict;
	double per_second;
	uint64_t packets; /* ever */
};

enum { RATES_2XX, RATES_3XX, RATES_4XX, RATES_5XX, RATES_CLASS_COUNT };

/* Of the HTTP plane, per second. */
struct rates_http {
	bool is_there;
	double requests;
	double answers[RATES_CLASS_COUNT];
	double hits;
	double lookups; /* hits and misses */
	uint64_t connections;
};

enum rates_order {
	RATES_BY_DROPPED,
	RATES_BY_PASSED,
	RATES_BY_BYTES,
	RATES_ORDER_COUNT,
};

/* Zeroed is a good start. */
struct rates {
	bool is_valid;	/* two looks have been taken, so there are rates */
	double seconds; /* between the two */
	double per_second[SL_VERDICT_COUNT];
	double history[SL_VERDICT_COUNT][RATES_HISTORY]; /* oldest first */
	size_t history_len;
	struct rates_source sources[RATES_SOURCES_MAX];
	size_t source_count;
	struct rates_reason reasons[RATES_REASONS_MAX];
	size_t reason_count;
	struct rates_http http;

	json_t *status; /* of the last look, owned */
	json_t *before; /* sources of the last look by name, owned */
	uint64_t at_ns;
	int64_t at_unix_s;
};

/* When a look was taken: CLOCK_MONOTONIC for rates, wall clock for what the agent dates. */
struct rates_moment {
	uint64_t now_ns;
	int64_t now_unix_s;
};

/* Take in a look at /v1/status and /v1/sources; both stay the caller's. now is later than at the last look. */
void rates_take(struct rates *rates, json_t *status, json_t *sources, struct rates_moment now);

/* Sort the sources; those of equal rate by what was dropped ever, then by name. */
void rates_sort(struct rates *rates, enum rates_order order);

/* Whether there is a packet plane, and it is not detached; true of an agent that does not say. */
bool status_has_packets(const json_t *status);
/* The same of the last look. */
bool rates_have_packets(const struct rates *rates);

void rates_free(struct rates *rates);

#endif
