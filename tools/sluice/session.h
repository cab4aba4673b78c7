/* SPDX-License-Identifier: BSD-2-Clause */
/* From where the person who types this is logged in. */
#ifndef SLUICE_SESSION_H
#define SLUICE_SESSION_H

#include <stdbool.h>

#define SESSION_PEER_MAX 64

/* The address of the other end of the ssh session we run in, without a zone. False: there is none that we can see. */
bool session_peer(char out[static SESSION_PEER_MAX]);

#endif
