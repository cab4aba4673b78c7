/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/result.h"

struct row {
	unsigned short status;
	const char *label;
	const char *text;
};

static const struct row table[] = {
#define X(name, status, label, text) [MESSAGE_##name] = {status, label, text},
	MESSAGE_RESULTS(X)
#undef X
};

unsigned message_status(enum message_result result)
{
	return table[result].status;
}

const char *message_label(enum message_result result)
{
	return table[result].label;
}

const char *message_text(enum message_result result)
{
	return table[result].text;
}
