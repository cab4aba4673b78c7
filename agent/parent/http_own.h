/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether an address of this host (of the namespace this process is in) lies in a prefix: asked of the kernel each time. */
#ifndef HTTP_OWN_H
#define HTTP_OWN_H

#include <stdbool.h>

#include "base/address.h"

/* True also where the kernel cannot be asked: then nobody can say that it is not. */
bool http_own_address_in(const struct prefix *prefix);

#endif
