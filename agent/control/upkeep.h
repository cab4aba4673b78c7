/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the agent does for its datapath without being asked: reads its events, sweeps its tables every second, and
 * keeps the bans on disk so that they outlive a reboot.
 */
#ifndef CONTROL_UPKEEP_H
#define CONTROL_UPKEEP_H

#include "control/agent.h"

/* Start watching and sweeping. Returns 0 or -errno. */
int upkeep_start(struct agent *agent);

/*
 * Restore saved bans where the maps are new. Many of them take a second, so this comes behind attaching: limits first.
 * What is wrong with the saved ones is logged and stops nothing.
 */
void upkeep_restore(struct agent *agent, enum datapath_origin origin);

/* Read what was told up to now, save the bans if the saved ones had been read, and stop. */
void upkeep_stop(struct agent *agent);

#endif
