/* SPDX-License-Identifier: BSD-2-Clause */
/* Prometheus' text format, version 0.0.4: its lines. Pure. */
#ifndef CONTROL_METRICS_TEXT_H
#define CONTROL_METRICS_TEXT_H

#include <stdint.h>

#include "base/buffer.h"

#define LABELS_MAX 3

/* Names and values in turn, ended by NULL. */
struct labels {
	const char *text[2 * LABELS_MAX + 1];
};

#define LABELS(...) (&(const struct labels){{__VA_ARGS__}})
#define NO_LABELS   LABELS(NULL)

/* Append value as a label's: backslash, quote and newline escaped. */
void metrics_label_value(struct buffer *out, const char *value);

/* The two lines that begin a family; type is "counter", "gauge" or "histogram". */
void metrics_family(struct buffer *out, const char *name, const char *type, const char *help);

/* One line: name, labels, value. */
void metrics_sample(struct buffer *out, const char *name, const struct labels *labels,
		    uint64_t value);

/* A sample without labels, in seconds to the millisecond. */
void metrics_seconds(struct buffer *out, const char *name, uint64_t ns);

#endif
