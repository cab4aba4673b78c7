/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice policy check: only the agent's program knows the format, but no running agent is needed. */
#ifndef SLUICE_CHECK_H
#define SLUICE_CHECK_H

#include "cli.h"

/*
 * Runs `sluiced --check` on file, from beside this program or else from PATH, in our place; with
 * --json as a child whose findings are printed as an array of {"line", "column", "severity",
 * "text"}, place 0 where there is none.
 */
enum exit_code policy_check(const struct cli *cli, const char *file);

#endif
