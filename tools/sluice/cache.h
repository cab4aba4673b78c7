/* SPDX-License-Identifier: BSD-2-Clause */
/* What `sluice cache` does, where it is a file of its own. */
#ifndef SLUICE_CACHE_H
#define SLUICE_CACHE_H

#include "cli.h"

/* Forget a URL, or with url NULL what an option names. */
enum exit_code cache_purge(const struct cli *cli, const char *url);

#endif
