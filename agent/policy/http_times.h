/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounds of the histogram of upstream times, which the HTTP plane counts by and the agent shows. */
#ifndef POLICY_HTTP_TIMES_H
#define POLICY_HTTP_TIMES_H

#define HTTP_TIME_BOUNDS_MS 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000
#define HTTP_TIME_BOUNDS    14

#endif
