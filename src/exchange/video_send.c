/* What goes to a provider about a video job, whoever sends it (an exchange, the desk): headers, addresses, prices. */
#include "exchange/video_int.h"
#include "upstream/fetch.h"

#include <stdio.h>

/* ---- whose key ---- */

void video_credential(const struct exchange_env *env, const struct provider *p, unsigned i,
                      unsigned char out[STORE_CREDENTIAL_BYTES])
{
    unsigned char whole[KEY_DIGEST_BYTES] = {0};
    if (p->n_credentials > 0)
        key_digest_prepared(env->pepper, sl_secret_expose(&p->credentials[i % p->n_credentials]), whole);
    memcpy(out, whole, STORE_CREDENTIAL_BYTES);
}

/* The key that made the job; another of the same account where that one is configured no more. */
unsigned video_credential_find(const struct exchange_env *env, const struct provider *p,
                               const unsigned char digest[STORE_CREDENTIAL_BYTES])
{
    unsigned char one[STORE_CREDENTIAL_BYTES];
    for (unsigned i = 0; i < p->n_credentials; i++) {
        video_credential(env, p, i, one);
        if (memcmp(one, digest, sizeof one) == 0)
            return i;
    }
    return 0;
}

const struct video_adapter *video_adapter_of(const struct snapshot_provider *at, struct sl_str model)
{
    return video_adapter_find(at->provider.kind->name, provider_known_model(&at->provider, model));
}

void video_call_fill(struct video_call *c, const struct snapshot_provider *at, const struct store_video *row,
                     struct sl_arena *a)
{
    struct video_job made;
    video_result_read(row->result, a, &made);
    *c = (struct video_call){
        .adapter = video_adapter_of(at, row->target),
        .kind = at->provider.kind->name,
        .model = row->target,
        .known_as = provider_known_model(&at->provider, row->target),
        .project = at->provider.project,
        .location = at->provider.location,
        .task_id = row->task,
        .aux = made.aux,
        .token = row->token,
        .a = a,
    };
}

/* ---- the request ---- */

static void add_headers(const struct video_send *s, struct sl_arena *a, struct http_headers *h)
{
    const struct video_http *http = s->http;
    const struct provider_call call = {
        .credential = s->credential,
        .authorization = s->authorization,
        .traceparent = s->traceparent,
        .accept = s->range.n > 0 || http->keyless ? SL_STR("*/*") : SL_STR_NONE,
        .foreign = true,
    };
    if (http->keyless) { /* nothing of the provider's account */
        http_headers_add_id(h, a, HN_ACCEPT, SL_STR("*/*"));
        http_headers_add_id(h, a, HN_ACCEPT_ENCODING, SL_STR("identity"));
        http_headers_add_id(h, a, HN_USER_AGENT, SL_STR("sluice"));
    } else {
        provider_request_headers(&s->at->provider, &call, a, h);
    }
    if (http->content_type.n > 0)
        http_headers_add_id(h, a, HN_CONTENT_TYPE, http->content_type);
    for (unsigned i = 0; i < http->n_headers; i++)
        http_headers_add(h, a, http->headers[i].name, http->headers[i].value);
    if (s->range.n > 0)
        http_headers_add(h, a, SL_STR("range"), s->range);
}

/* A link may lead anywhere in public; into a private network only where the provider itself is in one. */
static const char *follow(const struct video_send *s, struct sl_arena *a, struct upstream_origin *origin,
                          struct sl_str *target)
{
    const struct fetch_rules rules = {
        .plain_http = !s->at->origin.tls,
        .allow_private = s->at->origin.allow_private,
        .tls = s->snap->media_tls,
    };
    return fetch_origin(s->http->url, &rules, a, origin, target);
}

static struct sl_str method_text(enum http_method m)
{
    return m == HTTP_POST     ? SL_STR("POST")
           : m == HTTP_PUT    ? SL_STR("PUT")
           : m == HTTP_DELETE ? SL_STR("DELETE")
                              : SL_STR("GET");
}

bool video_send_fill(const struct video_send *s, struct sl_arena *a, struct upstream_origin *origin,
                     struct attempt_request *out, const char **why)
{
    const struct video_http *http = s->http;
    const struct upstream_origin *to = &s->at->origin;
    struct http_headers h = {0};
    struct sl_str path = http->path;
    if (http->url.n > 0) {
        *why = follow(s, a, origin, &path);
        if (*why != NULL)
            return false;
        to = origin;
        bool its_own = to->tls == s->at->origin.tls && sl_str_eq(to->authority, s->at->origin.authority);
        if (!http->keyless && !its_own) {
            *why = "leads to another server than the provider's own, which its key is not for";
            return false;
        }
    } else if (!http->rooted) {
        path = sl_arena_printf(a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(s->at->provider.base_path), SL_STR_ARG(path));
    }
    struct iovec *body = SL_ARENA_NEW(a, struct iovec);
    *body = s->body;
    int n_body = body->iov_len > 0 ? 1 : 0;
    add_headers(s, a, &h);
    if (!http->keyless)
        provider_sign(&s->at->provider,
                      &(struct provider_signing){
                          .method = method_text(http->method),
                          .authority = to->authority,
                          .target = path,
                          .body = body,
                          .n_body = n_body,
                          .wall_ns = sl_loop_wall(s->env->loop),
                      },
                      a, &h);
    *out = (struct attempt_request){
        .origin = to,
        .method = method_text(http->method),
        .path = path,
        .headers = h.v,
        .n_headers = h.n,
        .body = body,
        .n_body = n_body,
        .deadlines = s->snap->deadlines,
    };
    return true;
}

/* ---- money ---- */

static bool has_flex(const struct price *p)
{
    for (unsigned i = 0; p != NULL && i < p->n_services; i++)
        if (p->services[i].service == PRICE_FLEX)
            return true;
    return false;
}

/* The provider's own word stands; else its units at the catalogue's price. */
struct cost video_cost(const struct price *price, const struct video_units *units, const struct video_terms *terms,
                       struct usage *out_usage)
{
    char wide[24], tall[24]; /* lists that name one of the two mean both */
    unsigned w = terms->width, h = terms->height;
    snprintf(wide, sizeof wide, "%ux%u", w, h);
    snprintf(tall, sizeof tall, "%ux%u", h, w);
    bool flex = sl_str_eq(terms->tier, SL_STR("flex"));
    unsigned share = flex && terms->tier_share > 0 && !has_flex(price) ? terms->tier_share : 100;
    struct price_terms as = {
        .service = flex && share == 100 ? PRICE_FLEX : PRICE_STANDARD,
        .shape = {.resolution = terms->resolution,
                  .size = w > 0 ? sl_str_c(wide) : SL_STR_NONE,
                  .sound = terms->audio ? PRICE_YES : PRICE_NO,
                  .video_input = terms->video_input ? PRICE_YES : PRICE_NO},
    };
    *out_usage = (struct usage){.flags = USAGE_REPORTED};
    out_usage->by_class[TC_VIDEO_OUT] = units->tokens;
    out_usage->by_unit[UU_VIDEO_MS_OUT] = units->ms;
    out_usage->by_unit[UU_VIDEO_MS_IN] = units->input_ms;
    out_usage->by_unit[UU_SEARCHES] = units->searches;
    if (units->cost_p >= 0)
        return (struct cost){.cost_p = units->cost_p};
    if (usage_total(out_usage) == 0 && !usage_has_units(out_usage)) /* a failed job: nothing needs a price */
        return (struct cost){0};
    struct cost c = price_of(price, out_usage, &as);
    if ((c.flags & COST_ASSUMED) != 0 && w != h) {
        as.shape.size = sl_str_c(tall);
        const struct cost other = price_of(price, out_usage, &as);
        c = (other.flags & COST_ASSUMED) == 0 ? other : c;
    }
    c.cost_p = c.cost_p / 100 * share + c.cost_p % 100 * share / 100;
    return c;
}
