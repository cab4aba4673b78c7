/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics_text.h"

#include <inttypes.h>

void metrics_label_value(struct buffer *out, const char *value)
{
	for (; *value; value++) {
		switch (*value) {
		case '\\':
			buffer_add_text(out, "\\\\");
			break;
		case '"':
			buffer_add_text(out, "\\\"");
			break;
		case '\n':
			buffer_add_text(out, "\\n");
			break;
		default:
			buffer_add(out, (struct bytes){value, 1});
		}
	}
}

void metrics_family(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_labels(struct buffer *out, const struct labels *labels)
{
	for (int i = 0; labels->text[i]; i += 2) {
		buffer_printf(out, "%c%s=\"", i ? ',' : '{', labels->text[i]);
		metrics_label_value(out, labels->text[i + 1]);
		buffer_add_text(out, "\"");
	}
	if (labels->text[0])
		buffer_add_text(out, "}");
}

void metrics_sample(struct buffer *out, const char *name, const struct labels *labels,
		    uint64_t value)
{
	buffer_add_text(out, name);
	add_labels(out, labels);
	buffer_printf(out, " %" PRIu64 "\n", value);
}

void metrics_seconds(struct buffer *out, const char *name, uint64_t ns)
{
	buffer_printf(out, "%s %" PRIu64 ".%03u\n", name, ns / 1000000000u,
		      (unsigned)(ns / 1000000u % 1000u));
}
