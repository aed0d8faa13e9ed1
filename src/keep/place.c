/* See place.h. */
#include "keep/place.h"

#include <string.h>

#include "base/hash.h"

static void fill_s3(const struct s3_settings *s, struct tls_context *tls, struct sl_arena *a, struct keep_place *out)
{
    const struct cfg_url *e = &s->endpoint;
    struct sl_str host = e->host, authority = e->authority;
    if (!s->path_style) {
        host = sl_arena_printf(a, SL_STR_FMT "." SL_STR_FMT, SL_STR_ARG(s->bucket), SL_STR_ARG(host));
        authority = sl_arena_printf(a, SL_STR_FMT "." SL_STR_FMT, SL_STR_ARG(s->bucket), SL_STR_ARG(authority));
    }
    struct sl_str bucket = s->path_style ? sl_arena_printf(a, "/" SL_STR_FMT, SL_STR_ARG(s->bucket)) : SL_STR_NONE;
    struct sl_str at = sl_arena_printf(a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(e->path), SL_STR_ARG(bucket));
    struct sl_str id = sl_arena_printf(a, "s3|%d|%u|" SL_STR_FMT, e->tls, e->port, SL_STR_ARG(authority));
    out->kind = KEEP_S3;
    out->root = at.n > 0 ? at : SL_STR("/");
    out->prefix = s->prefix;
    out->region = s->region;
    out->base = sl_arena_printf(a, SL_STR_FMT "/" SL_STR_FMT, SL_STR_ARG(at), SL_STR_ARG(s->prefix));
    out->name = sl_arena_printf(a, "s3:" SL_STR_FMT "/" SL_STR_FMT "/" SL_STR_FMT, SL_STR_ARG(e->text),
                                SL_STR_ARG(s->bucket), SL_STR_ARG(s->prefix));
    out->key = (struct sigv4_key){.id = sl_secret_expose(&s->access_key_id),
                                  .secret = sl_secret_expose(&s->secret_access_key),
                                  .session = sl_secret_expose(&s->session_token)};
    out->origin = (struct upstream_origin){
        .id = sl_hash(sl_hash_process_key(), id) | 1,
        .provider = SL_STR("videos.content"),
        .host = host,
        .authority = authority,
        .port = e->port,
        .tls = e->tls,
        .allow_private = true, /* the operator named it */
        .http = UPSTREAM_HTTP1,
        .tls_ctx = e->tls ? tls : NULL,
        .tls_name = host,
    };
}

void keep_place_fill(const struct keep_settings *s, struct tls_context *tls, struct sl_arena *a, struct keep_place *out)
{
    *out = (struct keep_place){
        .for_ns = s->for_ns, .retry_ns = s->retry_ns, .max_bytes = s->max_bytes, .parallel = s->parallel};
    if (s->s3.endpoint.text.n > 0) {
        fill_s3(&s->s3, tls, a, out);
    } else if (s->directory.n > 0) {
        out->kind = KEEP_DIRECTORY;
        out->directory = sl_arena_cstr(a, s->directory);
        out->name = sl_arena_printf(a, "directory:" SL_STR_FMT, SL_STR_ARG(s->directory));
    }
}

bool keep_name_is(struct sl_str name)
{
    if (name.n == 0 || name.n > KEEP_NAME_MAX || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
              c == '.'))
            return false;
    }
    return true;
}
