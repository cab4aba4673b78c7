/* SPDX-License-Identifier: BSD-2-Clause */
/* Bare items (RFC 9651 sections 4.2.3.1 to 4.2.10), for structured.c. Pure. */
#ifndef MESSAGE_STRUCTURED_BARE_H
#define MESSAGE_STRUCTURED_BARE_H

#include "message/structured.h"

/* Cut a bare item off the front of *rest. False, outputs undefined: there is none. */
bool sf_take_bare(struct bytes *rest, struct sf_bare *ret_item);

/* Move past one byte if it is the next one. */
static inline bool sf_take_byte(struct bytes *rest, char byte)
{
	if (!rest->len || rest->at[0] != byte)
		return false;
	*rest = (struct bytes){rest->at + 1, rest->len - 1};
	return true;
}

#endif
