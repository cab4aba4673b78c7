/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a request is about: the forms of a request target (RFC 9112 section 3.2), its host,
 * path and query. Pure.
 */
#ifndef MESSAGE_TARGET_H
#define MESSAGE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "message/head.h"
#include "message/host.h"
#include "message/path.h"

struct target {
	bool is_asterisk;     /* "OPTIONS *": about the server; path is empty */
	bool has_host;	      /* false only for HTTP/1.0 without Host */
	uint16_t scheme_port; /* the default one of an absolute target's scheme; 0: it was none */
	bool has_query;	      /* there was a '?'; query may still be empty */
	struct host host;     /* of Host, or of an absolute target where there is no Host */
	struct path path;     /* look at path.is_ambiguous before use */
	struct bytes query;   /* as it came, without '?' */
};

/*
 * Read the target of a head that head_parse_request() has accepted. DONE; BAD_TARGET for other schemes than http and https, the
 * authority form and an asterisk without OPTIONS; BAD_HOST; HOST_DIFFERS; BAD_PATH;
 * TARGET_TOO_LONG if room is too small (see path_normalise()). *ret_target is set for DONE only.
 */
enum message_result target_read(const struct request_head *head, struct path_room room,
				struct target *ret_target);

#endif
