/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of an answer as the client gets it, from what the upstream sent. Pure. */
#ifndef HTTP_RESPOND_H
#define HTTP_RESPOND_H

#include "http/flow.h"
#include "http/text.h"
#include "message/body.h"
#include "message/fields.h"
#include "message/head.h"

struct respond {
	const struct response_head *resp;
	const struct connection *connection; /* of the response */
	const struct body *body;	     /* of the response */
	enum framing framing;		     /* towards the client */
	const char *name;		     /* in Via */
	const char *date;		     /* DATE_TEXT_LEN bytes; for answers without one */
	struct bytes cache_status;	     /* value of our own; empty: none */
	struct bytes limit_fields;	     /* lines about the client's limits */
	unsigned limit_families; /* enum limit_family: the upstream's own fields are left out */
	uint8_t client_minor;
	bool keeps_alive; /* the client's connection stays open */
	bool is_upgrade;  /* 101 */
};

/* Write the head, the empty line included. out->is_cut: it is too large. */
void respond_write(const struct respond *respond, struct text *out);

/*
 * The head as the cache keeps it: each line ended, no empty line, and nothing that differs from
 * one answer to the next. Of respond, framing and what stands below date are not read.
 */
void respond_write_stored(const struct respond *respond, struct text *out);

/* An interim answer (1xx but 101), the empty line included. */
void respond_write_interim(const struct respond *respond, struct text *out);

#endif
