/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Range and Content-Range under libFuzzer: byte 0 is the length of the representation. Ranges lie
 * inside, do not touch each other, and a Content-Range reads back as it is written.
 */
#include <stdint.h>
#include <stdlib.h>

#include "message/range.h"

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static void check_ranges(struct bytes value, uint64_t len)
{
	struct ranges ranges;
	uint64_t total = 0;

	if (range_parse(value, len, &ranges) != RANGE_PARTS)
		return;
	MUST(ranges.count && ranges.count <= RANGES_MAX);
	for (unsigned i = 0; i < ranges.count; i++) {
		MUST(ranges.range[i].first <= ranges.range[i].last && ranges.range[i].last < len);
		total += ranges.range[i].last - ranges.range[i].first + 1;
	}
	MUST(total <= len);
}

static void check_content_range(struct bytes value)
{
	struct content_range first;
	struct content_range again;
	char out[CONTENT_RANGE_TEXT_MAX];

	if (!content_range_parse(value, &first))
		return;
	MUST(content_range_parse(content_range_format(&first, out), &again));
	MUST(first.satisfied == again.satisfied && first.complete == again.complete);
	MUST(!first.satisfied ||
	     (first.range.first == again.range.first && first.range.last == again.range.last));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes value = {(const char *)at + 1, len - 1};
	struct etag tag;

	if (!len)
		return 0;
	check_ranges(value, at[0]);
	check_ranges(value, UINT64_MAX - 1);
	check_content_range(value);
	if (etag_parse(value, &tag))
		MUST(if_range_holds(value, &tag, (struct bytes){0}) == !tag.is_weak);
	return 0;
}
