/* SPDX-License-Identifier: BSD-2-Clause */
/* What a policy costs and withstands, for `sluiced --check`. Pure: nothing is measured here. */
#ifndef POLICY_REPORT_H
#define POLICY_REPORT_H

#include "policy/policy.h"

/*
 * Two aligned tables: the memory of the kernel's tables, a reload's peak included; and per tier and limit
 * how many packets a second from forged sources, each sending once, the strangers table can hold without
 * forgetting anybody who is over that limit. Nothing for a policy without a packet plane.
 */
void policy_report(const struct policy *policy, struct buffer *out);

#endif
