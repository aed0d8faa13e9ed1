/* Which addresses upstream connections may go to. Checked on the very address that is given to connect(), after the name
 * was looked up, so that no spelling and no change of a name gets around it. Pure.
 *
 * Refused: everything that IANA's registries of special-purpose addresses (RFC 6890 and updates, read November 2026) do not
 * call globally reachable, IPv6 forms that carry such an IPv4 address, and platform addresses of clouds. */
#ifndef SLUICE_UPSTREAM_GUARD_H
#define SLUICE_UPSTREAM_GUARD_H

#include "loop/net.h"

/* NULL: a public address. Else a constant text saying what it is: "loopback address", ... */
const char *guard_refusal(const struct sl_addr *a);

#endif
