/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host of a request: Host field, or authority of an absolute target (RFC 9110
 * section 7.2, RFC 3986 section 3.2.2). Pure.
 */
#ifndef MESSAGE_HOST_H
#define MESSAGE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define HOST_MAX      253 /* bytes of a name (RFC 1035), the root's dot not counted */
#define HOST_TEXT_MAX (HOST_MAX + sizeof(":65535")) /* of host_format(), terminator included */

struct host {
	struct bytes name; /* as it was spelled, the root's dot cut off; [..] included for IPv6 */
	uint16_t port;	   /* 0 if none was given; port 0 itself is refused */
};

/*
 * Judge and take apart "name[:port]". Returns false, *ret_host untouched, unless the name is
 * - letters, digits, '-', '_' and dots between labels of 1 to 63 bytes, HOST_MAX in all
 *   (no %-escapes, user names or other sub-delims: no API has them, and they differ between
 *   parsers); if its last label is a number, four decimal parts of an IPv4 address; or
 * - an IPv6 address in brackets, without zone;
 * and the port, where there is a ':', is 1 to 65535 or empty (RFC 3986: as if it was left out).
 */
bool host_parse(struct bytes text, struct host *ret_host);

/* Whether both name the same host and port where default_port is the scheme's. */
bool host_equal(const struct host *a, const struct host *b, uint16_t default_port);

/*
 * The normal form, for keys and matching: small letters, IPv6 as RFC 5952 has it, the port
 * only where it is not default_port. Returns the slice of out that is used.
 */
struct bytes host_format(const struct host *host, uint16_t default_port,
			 char out[static HOST_TEXT_MAX]);

#endif
