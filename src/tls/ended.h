/* A server whose certificate ended yesterday: what a drill puts in a provider's place. Never for serving. */
#ifndef SLUICE_TLS_ENDED_H
#define SLUICE_TLS_ENDED_H

#include "tls/context.h"

/* For 127.0.0.1, signed by itself and written to `ca_path` (PEM), so that whoever trusts that file sees nothing wrong but the date.
 * Blocking. Gives one reference. SL_EIO: OpenSSL or the file. */
enum sl_err tls_context_new_ended(const char *ca_path, struct tls_context **out, struct sl_fail *fail) SL_MUST_CHECK;

#endif
