/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what a connection does to a ban of its source in the packet plane: strikes are noted here, a pattern of them
 * (offenders.h, `escalate` in the policy) is handed to whoever started the plane, at most ASKS_PER_SECOND times.
 *
 * Only who connects himself is ever struck: the address is that of the accepted socket, and nothing is noted of
 * connections through Unix sockets, from trusted proxies, or that begin with a PROXY header.
 */
#ifndef HTTP_STRIKES_H
#define HTTP_STRIKES_H

#include "http/conn.h"
#include "http/offenders.h"
#include "message/result.h"

#define ASKS_PER_SECOND \
	50 /* all threads; as many again after a quiet time. The rest is counted, and lost */

struct exchange;

/* One strike against the connection's source. Does nothing where the policy has no pattern of this kind. */
void strikes_note(struct conn *conn, enum strike kind);

/* A message was refused for this fault: a strike if it breaks framing, nothing if it is only too much or unusual. */
void strikes_note_fault(struct conn *conn, enum message_result fault);

/*
 * Limits have judged the request. Refused by its own fault (quota_judge.h) it is a strike, unless it came under a valid
 * key; let in under one its source is not banned for what it did lately.
 */
void strikes_note_judged(struct exchange *x, bool is_let_in);

#endif
