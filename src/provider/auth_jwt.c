/* See auth_jwt.h. */
#include "provider/auth_jwt.h"

#include "base/base64.h"
#include "base/buf.h"
#include "tls/digest.h"

#define EVERY_S 600
#define LIFE_S 1800
#define SKEW_S 5

static void add_part(struct sl_buf *out, struct sl_str bytes)
{
    char *room = sl_buf_room(out, SL_BASE64_BYTES(bytes.n));
    if (room != NULL)
        sl_buf_wrote(out, sl_base64url_encode(bytes, room));
}

struct sl_str jwt_of_pair(struct sl_str pair, int64_t wall_s, struct sl_arena *a)
{
    struct sl_str secret = pair, access = sl_str_cut(&secret, ':');
    int64_t made = wall_s - wall_s % EVERY_S;
    struct sl_buf claims, out;
    uint8_t mac[TLS_SHA256_BYTES];
    if (access.n == 0 || secret.n == 0)
        return SL_STR_NONE;
    sl_buf_init(&claims, 8192);
    sl_buf_init(&out, 16384);
    sl_buf_adds(&claims, SL_STR("{\"iss\":"));
    sl_buf_add_json(&claims, access);
    sl_buf_addf(&claims, ",\"exp\":%lld,\"nbf\":%lld}", (long long)(made + LIFE_S), (long long)(made - SKEW_S));
    add_part(&out, SL_STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    sl_buf_addc(&out, '.');
    add_part(&out, sl_buf_str(&claims));
    tls_hmac_once(secret, sl_buf_str(&out), mac);
    sl_buf_addc(&out, '.');
    add_part(&out, sl_str_of((const char *)mac, sizeof mac));
    struct sl_str token = out.over || claims.over ? SL_STR_NONE : sl_arena_str(a, sl_buf_str(&out));
    sl_buf_done(&claims);
    sl_buf_done(&out);
    return token;
}
