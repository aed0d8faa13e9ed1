/* Idempotency-Key of requests that make a job (draft-ietf-httpapi-idempotency-key-header-07): the same key, tenant and request within
 * a day is answered with the job that the first one made. docs/internals/jobs.md.
 *
 *   READ_BODY  digests of key and request ─► RECALL  asked for ─┬─ none: on; the row of TRY claims the key, or finds it claimed
 *                                                               ├─ another request's: 422
 *                                                               ├─ still being sent: 409
 *                                                               └─ the job as it is now
 *
 * Only digests are kept, under the pepper: neither keys nor prompts can be guessed from them. */
#include "exchange/video_int.h"

#define KEY_MAX 255u
#define PIECES_MAX 520u /* four of each field of a form, and the rest */

static void digest(const struct exchange *x, struct sl_str what, unsigned char out[STORE_ONCE_BYTES])
{
    unsigned char whole[TLS_SHA256_BYTES];
    tls_hmac(x->env->pepper, what, whole);
    memcpy(out, whole, STORE_ONCE_BYTES);
}

static struct iovec piece(struct sl_str s)
{
    return (struct iovec){(void *)(uintptr_t)s.p, s.n};
}

/* A form is the same whatever its boundary: libraries choose a new one for each try. */
static void digest_request(struct exchange *x, unsigned char out[STORE_ONCE_BYTES])
{
    struct exchange_video *v = x->video;
    uint8_t sum[TLS_SHA256_BYTES];
    struct iovec *p = sl_arena_alloc(x->a, PIECES_MAX * sizeof *p);
    int n = 0;
    p[n++] = piece(sl_arena_printf(x->a, SL_STR_FMT " " SL_STR_FMT " %d ", SL_STR_ARG(x->op->name), SL_STR_ARG(v->id),
                                   x->match.google ? 2 : x->match.ark));
    for (unsigned i = 0; i < v->n_fields && n + 4 < (int)PIECES_MAX; i++) {
        const struct video_field *f = &v->fields[i];
        p[n++] = piece(sl_arena_printf(x->a, "%zu %zu %zu ", f->name.n, f->filename.n, f->value.n));
        p[n++] = piece(f->name);
        p[n++] = piece(f->filename);
        p[n++] = piece(f->value);
    }
    if (v->fields == NULL)
        p[n++] = piece(x->body_text);
    tls_sha256_pieces(p, n, sum);
    digest(x, sl_str_of((const char *)sum, sizeof sum), out);
}

static bool is_fine(struct sl_str key)
{
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] < 0x21 || key.p[i] > 0x7e)
            return false;
    return key.n > 0 && key.n <= KEY_MAX;
}

bool video_once_read(struct exchange *x, struct error_facts *out)
{
    const struct http_header *h = http_headers_find_name(&x->req->headers, SL_STR("idempotency-key"));
    struct exchange_video *v = x->video;
    if (h == NULL || x->env->pepper == NULL)
        return true;
    if (!is_fine(h->value)) {
        *out = (struct error_facts){.error = GE_ONCE_KEY};
        return false;
    }
    v->has_once = true;
    v->once = (struct store_once){.tenant = x->key->tenant, .made_ns = x->wall_ns};
    digest(x,
           sl_arena_printf(x->a, "idempotency " SL_STR_FMT " " SL_STR_FMT, SL_STR_ARG(x->key->tenant),
                           SL_STR_ARG(h->value)),
           v->once.key);
    digest_request(x, v->once.body);
    return true;
}

enum step video_once_ask(struct exchange *x)
{
    struct video_rows *j = video_rows_new(VR_ONCE);
    j->once = x->video->once;
    j->once.tenant = sl_arena_str(&j->a, x->key->tenant);
    return video_ask(x, j) ? STEP_WAIT : exchange_refuse(x, GE_STORE_UNAVAILABLE);
}

enum step video_once_answer(struct exchange *x, const struct video_rows *j)
{
    struct exchange_video *v = x->video;
    struct sl_buf b;
    v->written = false; /* its row was not */
    v->wait = VW_NOTHING;
    if (!j->same_body)
        return exchange_refuse(x, GE_ONCE_OTHER);
    if (j->n_rows == 0)
        return exchange_refuse(x, GE_ONCE_GONE);
    if (j->rows[0].state == STORE_VIDEO_SUBMITTING)
        return exchange_refuse(x, GE_ONCE_RUNS);
    v->replayed = true;
    sl_buf_init(&b, VIDEO_ANSWER_BYTES);
    video_show(x, &j->rows[0], &b);
    return video_answer(x, &b);
}
