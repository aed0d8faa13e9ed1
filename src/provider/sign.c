/* Accounts whose requests are signed: AWS (bedrock.md section 3), Kling (video.md A8). */
#include "base/clock.h"
#include "provider/auth_jwt.h"
#include "provider/auth_sigv4.h"
#include "provider/provider.h"

/* What a signature writes itself: whoever else wrote it (pass_headers, headers) meant another one. */
static bool is_of_signature(const struct http_header *h)
{
    return h->id == HN_AUTHORIZATION || sl_str_eq(h->name, SL_STR("x-amz-date")) ||
           sl_str_eq(h->name, SL_STR("x-amz-content-sha256")) || sl_str_eq(h->name, SL_STR("x-amz-security-token"));
}

/* A pair goes nowhere: a token that it has signed does. */
static void make_jwt(const struct provider_signing *s, struct sl_arena *a, struct http_headers *h)
{
    for (uint32_t i = 0; i < h->n; i++) {
        struct sl_str key = sl_str_from(h->v[i].value, 7);
        if (h->v[i].id != HN_AUTHORIZATION || !sl_str_starts(h->v[i].value, SL_STR("Bearer ")))
            continue;
        struct sl_str token = jwt_of_pair(key, s->wall_ns / SL_SEC, a);
        if (token.n > 0)
            h->v[i].value = sl_arena_printf(a, "Bearer " SL_STR_FMT, SL_STR_ARG(token));
    }
}

void provider_sign(const struct provider *p, const struct provider_signing *s, struct sl_arena *a,
                   struct http_headers *h)
{
    uint32_t n = 0;
    if (p->kind != NULL && p->kind->auth == PROVIDER_PAIR)
        make_jwt(s, a, h);
    if (p->aws.id.n == 0)
        return;
    for (uint32_t i = 0; i < h->n; i++)
        if (!is_of_signature(&h->v[i]))
            h->v[n++] = h->v[i];
    h->n = n;
    const struct sigv4_key key = {
        .id = sl_secret_expose(&p->aws.id),
        .secret = sl_secret_expose(&p->aws.secret),
        .session = sl_secret_expose(&p->aws.session),
    };
    const struct sigv4_request r = {
        .method = s->method,
        .host = s->authority,
        .target = s->target,
        .region = p->aws.region,
        .service = SL_STR("bedrock"),
        .body = s->body,
        .n_body = s->n_body,
        .wall_s = s->wall_ns / SL_SEC,
    };
    sigv4_sign(&key, &r, a, h);
}
