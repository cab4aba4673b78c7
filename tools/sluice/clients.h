/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom the HTTP plane counts, in tables. */
#ifndef SLUICE_CLIENTS_H
#define SLUICE_CLIENTS_H

#include <jansson.h>

#include "table.h"

extern const struct column client_columns[];

/* A row: one client under one limit. */
void client_add(struct table *table, const struct look *look, const json_t *client);

#endif
