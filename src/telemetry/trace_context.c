#include "telemetry/trace_context.h"

#include <endian.h>
#include <stddef.h>

#define PARENT_BYTES (TRACE_PARENT_TEXT - 1u)
#define MEMBERS_MAX 32u /* of tracestate, section 3.3.1.1 */
#define KEY_MAX 256u
#define VALUE_MAX 256u

/* ---- hexadecimal, lower case only (section 3.2.2) ---- */

static bool read_hex(const char *p, size_t n, uint64_t *out) /* n <= 16 */
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        unsigned d;
        if (c >= '0' && c <= '9')
            d = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            d = (unsigned)(c - 'a') + 10u;
        else
            return false;
        v = v << 4 | d;
    }
    *out = v;
    return true;
}

/* Eight digits: each half byte of v gets a byte of its own, then letters are told from figures in all of them at once. */
static void write_hex8(uint32_t v, char *out)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t x = v >> 16 | (uint64_t)(v & 0xffff) << 32;
    x = (x >> 8 & UINT64_C(0x000000ff000000ff)) | (x & UINT64_C(0x000000ff000000ff)) << 16;
    x = (x >> 4 & UINT64_C(0x000f000f000f000f)) | (x & UINT64_C(0x000f000f000f000f)) << 8;
    uint64_t letters = (x + 6 * ones) >> 4 & ones;
    x = htole64(x + '0' * ones + letters * ('a' - '0' - 10));
    memcpy(out, &x, sizeof x);
}

static void write_hex(uint64_t v, char *out) /* sixteen */
{
    write_hex8((uint32_t)(v >> 32), out);
    write_hex8((uint32_t)v, out + 8);
}

/* ---- parsing ---- */

bool trace_parent_parse(struct sl_str s, struct trace_context *out)
{
    uint64_t version, hi, lo, parent, flags;
    if (s.n < PARENT_BYTES || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    if (!read_hex(s.p, 2, &version) || version == 0xFF)
        return false;
    /* Version 00 ends here; a later one may go on behind a dash. */
    if (s.n > PARENT_BYTES && (version == 0 || s.p[PARENT_BYTES] != '-'))
        return false;
    if (!read_hex(s.p + 3, 16, &hi) || !read_hex(s.p + 19, 16, &lo) || !read_hex(s.p + 36, 16, &parent) ||
        !read_hex(s.p + 53, 2, &flags))
        return false;
    if ((hi == 0 && lo == 0) || parent == 0)
        return false;
    out->trace_hi = hi;
    out->trace_lo = lo;
    out->parent = parent;
    out->flags = (uint8_t)(flags & (TRACE_SAMPLED | TRACE_RANDOM));
    return true;
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

static bool key_valid(struct sl_str k)
{
    if (k.n == 0 || k.n > KEY_MAX || !((k.p[0] >= 'a' && k.p[0] <= 'z') || (k.p[0] >= '0' && k.p[0] <= '9')))
        return false;
    for (size_t i = 0; i < k.n; i++)
        if (!is_key_char(k.p[i]))
            return false;
    return true;
}

static bool value_valid(struct sl_str v)
{
    if (v.n == 0 || v.n > VALUE_MAX || v.p[v.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < 0x20 || v.p[i] > 0x7E || v.p[i] == '=')
            return false;
    return true;
}

bool trace_state_valid(struct sl_str s)
{
    if (s.n == 0 || s.n > TRACE_STATE_MAX)
        return false;
    size_t members = 0;
    while (s.p != NULL) {
        struct sl_str member = sl_str_trim(sl_str_cut(&s, ','));
        if (member.n == 0) /* allowed, for the sake of joined headers */
            continue;
        ptrdiff_t at = sl_str_find(member, '=');
        if (at < 0 || ++members > MEMBERS_MAX)
            return false;
        if (!key_valid(sl_str_head(member, (size_t)at)) || !value_valid(sl_str_from(member, (size_t)at + 1)))
            return false;
    }
    return members > 0;
}

/* ---- joining ---- */

static uint64_t not_zero(struct sl_rand *rand)
{
    uint64_t v;
    do
        v = sl_rand_next(rand);
    while (v == 0);
    return v;
}

void trace_join(struct trace_context *out, struct sl_str traceparent, struct sl_str tracestate, struct sl_rand *rand)
{
    struct trace_context t = {0};
    if (trace_parent_parse(traceparent, &t)) {
        if (trace_state_valid(tracestate))
            t.state = tracestate;
    } else {
        t.trace_hi = sl_rand_next(rand);
        t.trace_lo = not_zero(rand);
        t.flags = TRACE_RANDOM;
    }
    t.span = not_zero(rand);
    *out = t;
}

struct trace_context trace_child(const struct trace_context *t, struct sl_rand *rand)
{
    struct trace_context child = *t;
    child.parent = t->span;
    child.span = not_zero(rand);
    return child;
}

/* ---- writing ---- */

void trace_id_text(const struct trace_context *t, char out[TRACE_ID_TEXT])
{
    write_hex(t->trace_hi, out);
    write_hex(t->trace_lo, out + 16);
    out[32] = '\0';
}

void trace_span_text(uint64_t span, char out[TRACE_SPAN_TEXT])
{
    write_hex(span, out);
    out[16] = '\0';
}

void trace_parent_text(const struct trace_context *t, char out[TRACE_PARENT_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    memcpy(out, "00-", 3);
    trace_id_text(t, out + 3);
    out[35] = '-';
    trace_span_text(t->span, out + 36);
    out[52] = '-';
    out[53] = digits[t->flags >> 4];
    out[54] = digits[t->flags & 15];
    out[55] = '\0';
}
