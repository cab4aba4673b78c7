/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/status.h"

#include <stddef.h>

struct reason {
	unsigned status;
	struct bytes text;
};

#define REASON(status, literal)                      \
	{                                            \
		status,                              \
		{                                    \
			literal, sizeof(literal) - 1 \
		}                                    \
	}

static const struct reason reasons[] = {
	REASON(200, "OK"),
	REASON(400, "Bad Request"),
	REASON(408, "Request Timeout"),
	REASON(413, "Content Too Large"),
	REASON(414, "URI Too Long"),
	REASON(417, "Expectation Failed"),
	REASON(421, "Misdirected Request"),
	REASON(429, "Too Many Requests"),
	REASON(431, "Request Header Fields Too Large"),
	REASON(501, "Not Implemented"),
	REASON(502, "Bad Gateway"),
	REASON(503, "Service Unavailable"),
	REASON(504, "Gateway Timeout"),
	REASON(505, "HTTP Version Not Supported"),
};

struct bytes status_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return (struct bytes){0};
}
