/* The keys that session tickets are sealed with (RFC 5077 4, RFC 8446 4.6.1): the newest one makes tickets, those of the one
 * before it are still opened. All server contexts of a listener share one ring, so that neither a renewed certificate nor a
 * new key costs every client a full handshake.
 *
 * A ticket is good for two hours (OpenSSL's session timeout); a key makes tickets for TLS_TICKETS_LIFE_NS and is gone after
 * twice that: who reads it out of this process resumes the sessions of two days at most.
 *
 * Who calls: main/ rotates; contexts hold references; OpenSSL asks for keys on the workers' threads (tickets.c). */
#ifndef SLUICE_TLS_TICKETS_H
#define SLUICE_TLS_TICKETS_H

#include "base/clock.h"

#define TLS_TICKETS_LIFE_NS (24 * 60 * SL_MIN)

struct tls_tickets;

struct tls_tickets *tls_tickets_new(int64_t now_ns); /* with a first key; one reference; now_ns: monotonic */
struct tls_tickets *tls_tickets_ref(struct tls_tickets *t);
void tls_tickets_unref(struct tls_tickets *t); /* any thread; NULL accepted; the last one wipes */
/* Makes a new key when the newest is TLS_TICKETS_LIFE_NS old. Any thread. True: it did. */
bool tls_tickets_rotate(struct tls_tickets *t, int64_t now_ns);

#endif
