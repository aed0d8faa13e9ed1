/* Credentials that are no key: what is exchanged for a token that lives for a while. Reads them, writes the request for a token, reads
 * its answer. Pure: docs/internals/credentials.md has the whole picture; provider/token.h keeps the token, exchange/credential.c
 * fetches it.
 *
 * Sources: gemini.md 20.3, bedrock.md 11.3 (November 2026), RFC 6749 sections 4.4, 5, 6; RFC 7523 section 2.1. */
#ifndef SLUICE_PROVIDER_CREDENTIAL_H
#define SLUICE_PROVIDER_CREDENTIAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "config/schema.h"

#define CREDENTIAL_BODY_MAX 65536u   /* of a request for a token */
#define CREDENTIAL_ANSWER_MAX 65536u /* real ones are below 4 KiB */

enum credential_kind {
    CREDENTIAL_SERVICE_ACCOUNT = 0, /* Google: a signed assertion */
    CREDENTIAL_USER,                /* Google: what `gcloud auth application-default login` leaves */
    CREDENTIAL_METADATA,            /* Google: the machine's own account */
    CREDENTIAL_CLIENT               /* Entra ID: an application's secret */
};

struct tls_rsa_key;

struct credential {
    enum credential_kind kind;
    struct cfg_url token_url;       /* where tokens are */
    struct sl_str email, key_id;    /* SERVICE_ACCOUNT; key_id may be empty */
    struct sl_str client_id, scope; /* USER, CLIENT */
    struct sl_str project;          /* that it belongs to; empty: not said */
    struct sl_str quota_project;    /* who is billed where it is not the token's; empty: not said */
    struct sl_secret secret;        /* own: refresh token or client secret */
    struct sl_secret client_secret; /* own: USER */
    struct tls_rsa_key *key;        /* own: SERVICE_ACCOUNT */
    uint64_t identity;              /* equal for equal credentials: hash of everything above */
};

struct credential_trouble { /* constant texts */
    const char *text;       /* goes on after "the credential": "lacks client_email" */
    const char *todo;       /* NULL: nothing to say */
};

/* Google's: the JSON of a service account or of a person, "metadata", or "metadata:HOST[:PORT]". Views of *out are in the arena. False:
 * *why tells, and *out holds nothing. */
bool credential_read(struct sl_str text, struct sl_arena *a, struct credential *out, struct credential_trouble *why);
/* Entra ID's: an application of a tenant. authority: "https://login.microsoftonline.com". */
bool credential_client(struct sl_str authority, struct sl_str tenant, struct sl_str client_id, struct sl_str secret,
                       struct sl_arena *a, struct credential *out, struct credential_trouble *why);
void credential_done(struct credential *c); /* wipes; accepts an empty one */

/* Whether the token's address may be asked: https, or a loopback address where `local`. */
bool credential_address_is_fine(const struct credential *c, bool local);

/* -- The request ------------------------------------------------------------------------------------------------------- */

static inline bool credential_posts(const struct credential *c)
{
    return c->kind != CREDENTIAL_METADATA;
}
/* The form to post (application/x-www-form-urlencoded), a secret: who has it wipes it. Nothing where it does not post. False: the
 * key does not sign. */
bool credential_body(const struct credential *c, int64_t wall_ns, struct sl_buf *out);

/* -- The answer -------------------------------------------------------------------------------------------------------- */

#define TOKEN_LIFE_MAX_NS (INT64_C(24) * 3600 * 1000000000)
#define TOKEN_LIFE_UNSAID_NS (INT64_C(300) * 1000000000)
#define TOKEN_BYTES_MAX 16384u

enum token_verdict {
    TOKEN_GOT = 0,
    TOKEN_REFUSED, /* the credential is not taken */
    TOKEN_LIMITED, /* too many requests */
    TOKEN_TROUBLE, /* 5xx */
    TOKEN_NONSENSE /* not what such an endpoint answers */
};

struct token_answer {
    enum token_verdict verdict;
    struct sl_secret token; /* own: GOT */
    int64_t life_ns;        /* GOT: above 0, at most TOKEN_LIFE_MAX_NS */
    char error[64];         /* the endpoint's word, [A-Za-z0-9_.-]: "invalid_grant"; "" */
};

/* Any bytes. */
void token_answer_read(int status, struct sl_str body, struct token_answer *out);

#endif
