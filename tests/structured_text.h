/* SPDX-License-Identifier: BSD-2-Clause */
/* A parsed bare item, written again from its parts: for the fuzzer and for the comparison with others. */
#ifndef TESTS_STRUCTURED_TEXT_H
#define TESTS_STRUCTURED_TEXT_H

#include "message/structured.h"
#include "message/structured_write.h"

#define STRUCTURED_TEXT_MAX 4096 /* bytes of the longest value a caller may have parsed */

static inline void structured_put_bare(struct sf_writer *out, const struct sf_bare *item)
{
	char text[STRUCTURED_TEXT_MAX];

	switch (item->type) {
	case SF_INTEGER:
		sf_put_integer(out, item->number);
		break;
	case SF_DECIMAL:
		sf_put_decimal(out, item->number);
		break;
	case SF_STRING:
		sf_put_string(out, (struct bytes){text, sf_string(item, text)});
		break;
	case SF_TOKEN:
		sf_put_token(out, item->text);
		break;
	case SF_BYTES:
		sf_put_bytes(out, (struct bytes){text, sf_decode_bytes(item, text)});
		break;
	case SF_BOOLEAN:
		sf_put_boolean(out, item->number);
		break;
	case SF_DATE:
		sf_put_date(out, item->number);
		break;
	case SF_DISPLAY:
		sf_put_display(out, (struct bytes){text, sf_decode_display(item, text)});
		break;
	}
}

#endif
