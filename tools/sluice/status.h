/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of `sluice status` in files of their own. */
#ifndef SLUICE_STATUS_H
#define SLUICE_STATUS_H

#include <jansson.h>

#include "cli.h"

/* The HTTP plane; nothing where http is null. */
void status_print_http(const struct cli *cli, const json_t *http);

#endif
