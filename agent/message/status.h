/* SPDX-License-Identifier: BSD-2-Clause */
/* What statuses are called (RFC 9110 section 15, RFC 6585). Pure. */
#ifndef MESSAGE_STATUS_H
#define MESSAGE_STATUS_H

#include "base/bytes.h"

/* Reason phrase of a status we make ourselves; empty for others. */
struct bytes status_reason(unsigned status);

#endif
