/* See body.h. One small step function per coding; the limits are checked here after each step, whatever the coding. */
#include "http/body.h"

#include "base/check.h"
#include "base/mem.h"

#define ZLIB_CONST /* next_in points to const */
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

enum step { /* what one call of a library came to */
    STEP_GO = 0,
    STEP_END, /* the end of a member, frame or stream */
    STEP_BAD
};

typedef enum step body_step(struct body_decoder *d, struct sl_str *in, char *out, size_t *room);

struct body_decoder {
    enum body_coding coding;
    enum body_result failed; /* sticky; BODY_MORE: not failed */
    bool at_end;             /* the last step ended a stream and no byte came since */
    uint64_t max, taken, given;
    union {
        z_stream z;
        BrotliDecoderState *br;
        ZSTD_DStream *zstd;
    };
};

/* ---- codings ---- */

static bool is_coding(struct sl_str text, struct sl_str name)
{
    return sl_str_eq_nocase(text, name);
}

enum body_coding body_coding_of(struct sl_str content_encoding)
{
    struct sl_str t = sl_str_trim(content_encoding);
    if (t.n == 0 || is_coding(t, SL_STR("identity")))
        return BODY_IDENTITY;
    if (is_coding(t, SL_STR("gzip")) || is_coding(t, SL_STR("x-gzip")))
        return BODY_GZIP;
    if (is_coding(t, SL_STR("deflate")))
        return BODY_DEFLATE;
    if (is_coding(t, SL_STR("br")))
        return BODY_BR;
    if (is_coding(t, SL_STR("zstd")))
        return BODY_ZSTD;
    return BODY_UNKNOWN;
}

/* ---- life ---- */

static void *alloc_for_zlib(void *none, unsigned n, unsigned size)
{
    (void)none;
    return sl_calloc(n, size);
}

static void free_for_zlib(void *none, void *p)
{
    (void)none;
    sl_free(p);
}

static void *alloc_for_brotli(void *none, size_t n)
{
    (void)none;
    return sl_malloc(n);
}

static void open_zlib(struct body_decoder *d)
{
    d->z = (z_stream){.zalloc = alloc_for_zlib, .zfree = free_for_zlib};
    SL_CHECK(inflateInit2(&d->z, d->coding == BODY_GZIP ? 16 + MAX_WBITS : MAX_WBITS) == Z_OK);
}

static void open_zstd(struct body_decoder *d)
{
    d->zstd = ZSTD_createDStream();
    SL_CHECK(d->zstd != NULL);
    SL_CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, BODY_ZSTD_WINDOW_LOG)));
}

struct body_decoder *body_decoder_new(enum body_coding coding, uint64_t max_decoded)
{
    SL_CHECK(coding < BODY_UNKNOWN);
    struct body_decoder *d = SL_NEW(struct body_decoder);
    d->coding = coding;
    d->max = max_decoded;
    if (coding == BODY_GZIP || coding == BODY_DEFLATE) {
        open_zlib(d);
    } else if (coding == BODY_BR) {
        d->br = BrotliDecoderCreateInstance(alloc_for_brotli, free_for_zlib, NULL);
        SL_CHECK(d->br != NULL);
    } else if (coding == BODY_ZSTD) {
        open_zstd(d);
    }
    return d;
}

void body_decoder_free(struct body_decoder *d)
{
    if (d == NULL)
        return;
    if (d->coding == BODY_GZIP || d->coding == BODY_DEFLATE)
        inflateEnd(&d->z);
    else if (d->coding == BODY_BR)
        BrotliDecoderDestroyInstance(d->br);
    else if (d->coding == BODY_ZSTD)
        ZSTD_freeDStream(d->zstd);
    sl_free(d);
}

/* ---- steps: take from *in, write to out, lower *room ---- */

static enum step step_identity(struct body_decoder *d, struct sl_str *in, char *out, size_t *room)
{
    size_t n = in->n < *room ? in->n : *room;
    (void)d;
    if (n != 0)
        memcpy(out, in->p, n);
    *in = sl_str_from(*in, n);
    *room -= n;
    return STEP_GO;
}

static unsigned zlib_count(size_t n)
{
    return n < UINT32_MAX ? (unsigned)n : UINT32_MAX;
}

static enum step step_zlib(struct body_decoder *d, struct sl_str *in, char *out, size_t *room)
{
    unsigned give = zlib_count(in->n), take = zlib_count(*room);
    d->z.next_in = (const Bytef *)in->p;
    d->z.avail_in = give;
    d->z.next_out = (Bytef *)out;
    d->z.avail_out = take;
    int e = inflate(&d->z, Z_NO_FLUSH);
    *in = sl_str_from(*in, give - d->z.avail_in);
    *room -= take - d->z.avail_out;
    if (e == Z_STREAM_END) {
        if (d->coding == BODY_GZIP) /* members may follow each other (RFC 1952 2.2) */
            SL_CHECK(inflateReset(&d->z) == Z_OK);
        return STEP_END;
    }
    return e == Z_OK || e == Z_BUF_ERROR ? STEP_GO : STEP_BAD;
}

static enum step step_brotli(struct body_decoder *d, struct sl_str *in, char *out, size_t *room)
{
    size_t left = in->n;
    const uint8_t *from = (const uint8_t *)in->p;
    uint8_t *to = (uint8_t *)out;
    BrotliDecoderResult r = BrotliDecoderDecompressStream(d->br, &left, &from, room, &to, NULL);
    *in = sl_str_from(*in, in->n - left);
    if (r == BROTLI_DECODER_RESULT_SUCCESS)
        return STEP_END;
    return r == BROTLI_DECODER_RESULT_ERROR ? STEP_BAD : STEP_GO;
}

static enum step step_zstd(struct body_decoder *d, struct sl_str *in, char *out, size_t *room)
{
    ZSTD_inBuffer from = {in->p, in->n, 0};
    ZSTD_outBuffer to = {out, *room, 0};
    size_t r = ZSTD_decompressStream(d->zstd, &to, &from);
    *in = sl_str_from(*in, from.pos);
    *room -= to.pos;
    if (ZSTD_isError(r))
        return STEP_BAD;
    return r == 0 ? STEP_END : STEP_GO;
}

static body_step *const steps[] = {
    [BODY_IDENTITY] = step_identity, [BODY_GZIP] = step_zlib, [BODY_DEFLATE] = step_zlib,
    [BODY_BR] = step_brotli,         [BODY_ZSTD] = step_zstd,
};

/* ---- feeding ---- */

static bool may_follow(const struct body_decoder *d) /* another stream behind the end of one */
{
    return d->coding == BODY_GZIP || d->coding == BODY_ZSTD;
}

static enum body_result size_flaw(const struct body_decoder *d)
{
    if (d->given > d->max)
        return BODY_LIMIT;
    if (d->given > BODY_RATIO_FREE_BYTES && d->given / BODY_RATIO_MAX > d->taken)
        return BODY_BOMB;
    return BODY_MORE;
}

static enum body_result fail(struct body_decoder *d, enum body_result why, size_t *out_n)
{
    d->failed = why;
    *out_n = 0;
    return why;
}

enum body_result body_decoder_feed(struct body_decoder *d, struct sl_str *in, char *out, size_t cap, size_t *out_n)
{
    SL_CHECK(cap > 0);
    *out_n = 0;
    while (d->failed == BODY_MORE) {
        size_t before = in->n, room = cap - *out_n, offered = room;
        if (d->at_end && before == 0)
            return BODY_MORE;
        if (d->at_end && !may_follow(d))
            return fail(d, BODY_BAD, out_n);
        enum step e = steps[d->coding](d, in, out + *out_n, &room);
        d->at_end = e == STEP_END;
        d->taken += before - in->n;
        d->given += offered - room;
        *out_n += offered - room;
        enum body_result flaw = e == STEP_BAD ? BODY_BAD : size_flaw(d);
        if (flaw != BODY_MORE)
            return fail(d, flaw, out_n);
        if (*out_n == cap)
            return BODY_OUT;
        if (in->n == 0 && (offered == room || before == 0))
            return BODY_MORE;
        if (in->n == before && offered == room && e != STEP_END)
            return fail(d, BODY_BAD, out_n); /* no library makes no progress on good input */
    }
    return d->failed;
}

bool body_decoder_is_whole(const struct body_decoder *d)
{
    return d->failed == BODY_MORE && (d->coding == BODY_IDENTITY || d->at_end);
}
