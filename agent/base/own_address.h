/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses of this host (of the namespace this process is in), as the kernel has them now. */
#ifndef BASE_OWN_ADDRESS_H
#define BASE_OWN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

struct own_addresses {
	struct prefix *at;
	size_t count;
	bool unknown; /* the kernel could not be asked, or there was no memory */
};

/* Asks the kernel; release with own_addresses_free() whatever it says. */
struct own_addresses own_addresses_read(void);
void own_addresses_free(struct own_addresses *own);
#define auto_own_addresses __attribute__((cleanup(own_addresses_free)))

/* One that lies in prefix, or 127.0.0.0/8 where prefix lies in that; NULL if there is none. */
const struct prefix *own_addresses_find(const struct own_addresses *own,
					const struct prefix *prefix);

/* Whether one lies in prefix, asked of the kernel each time. True also where it cannot be asked: nobody can deny it. */
bool own_address_in(const struct prefix *prefix);

#endif
