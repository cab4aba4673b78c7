/* SPDX-License-Identifier: BSD-2-Clause */
/* Who tries to get past a limit, and the policies it is tried on. */
#ifndef TESTS_BPF_BYPASSES_H
#define TESTS_BPF_BYPASSES_H

#include "harness.h"

#define V4 "198.51.100.7"
#define V6 "2001:db8:0:7::1"

/* No token comes back while a test runs: its clock stands still. */
#define THREE_PACKETS                                      \
	"protect: {tcp: [80], udp: [443], sctp: [2905]}\n" \
	"tiers: {public: {packets: 60/minute burst 3}}\n"  \
	"default: public\n"
#define TWO_CONNECTIONS                                       \
	"protect: {tcp: [80]}\n"                              \
	"tiers: {public: {connections: 60/minute burst 2}}\n" \
	"default: public\n"
#define EVERYTHING                                        \
	"protect: everything\n"                           \
	"tiers: {public: {packets: 60/minute burst 3}}\n" \
	"default: public\n"

#endif
