/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP dates under libFuzzer: bytes 0 to 7 are the clock. A date reads back as it is written. */
#include <stdint.h>
#include <stdlib.h>

#include "message/date.h"

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	char text[DATE_TEXT_LEN];
	int64_t now;
	int64_t date;
	int64_t again;

	if (len < sizeof(now))
		return 0;
	memcpy(&now, at, sizeof(now));
	date_format(now, text);
	MUST(date_parse((struct bytes){text, sizeof(text)}, now, &again));

	if (!date_parse((struct bytes){(const char *)at + 8, len - 8}, now, &date))
		return 0;
	date_format(date, text);
	MUST(date_parse((struct bytes){text, sizeof(text)}, now, &again));
	/* A leap second at the end of time is the one instant that cannot be written. */
	MUST(again == date || date == 253402300800ll);
	return 0;
}
