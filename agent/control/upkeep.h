/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the agent does for its datapath without being asked: reads its events, sweeps its tables every second, and
 * keeps the bans on disk so that they outlive a reboot.
 */
#ifndef CONTROL_UPKEEP_H
#define CONTROL_UPKEEP_H

#include "control/agent.h"

/*
 * Restore saved bans where the maps are new, then start watching and sweeping. What is wrong with the saved ones is
 * logged and stops nothing. Returns 0 or -errno.
 */
int upkeep_start(struct agent *agent, enum datapath_origin origin);

/* Read what was told up to now, save the bans, and stop. */
void upkeep_stop(struct agent *agent);

#endif
