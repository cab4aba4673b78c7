/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent and those who talk to it agree on: paths, names, limits. The JSON is in docs/control.md. */
#ifndef SL_CONTROL_H
#define SL_CONTROL_H

#define SL_CONTROL_SOCKET      "/run/sluice/control"
#define SL_METRICS_ADDRESS     "127.0.0.1:9290"
#define SL_STATE_DIR	       "/var/lib/sluice"

#define SL_BAN_DEFAULT_SECONDS 3600 /* `sluice ban` without --for */
#define SL_TOP_DEFAULT	       100 /* sources in the metrics, and in `sluice sources` without --top */
#define SL_CACHE_TOP_DEFAULT   20 /* `sluice cache top` without --top */
#define SL_CACHE_TOP_MAX       1000
#define SL_CLIENTS_MAX	       10000 /* of `sluice clients --top` */

#define SL_CONTROL_BODY_MAX    (128u << 20) /* bytes: a policy of a million prefixes fits */
#define SL_CONTROL_HEAD_MAX    16384

#endif
