/* The binary form of the ledger's records: a version byte, fixed-width little-endian numbers, then names with a length
 * in front. Called by exchange (writing), the keeper and the commands (reading). Owns nothing.
 *
 * A reader refuses a version it does not know rather than guess. Token classes are counted, so that a class added to
 * the end of TOKEN_CLASSES does not make older records unreadable. */
#include "ledger/entry.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/writer.h"
#include "ledger/price.h"

#define OPEN_VERSION 1u
#define CLOSE_VERSION 2u /* 1 had no units */

uint32_t entry_flags_of(uint32_t usage_flags, uint32_t cost_flags)
{
    static const struct {
        uint32_t from, to;
    } of_usage[] = {{USAGE_ESTIMATED, ENTRY_ESTIMATED},
                    {USAGE_PARTIAL, ENTRY_PARTIAL},
                    {USAGE_UNKNOWN_FIELDS, ENTRY_UNKNOWN_FIELDS},
                    {USAGE_INCONSISTENT | USAGE_IMPLAUSIBLE, ENTRY_INCONSISTENT}},
      of_cost[] = {
          {COST_UNPRICED, ENTRY_UNPRICED}, {COST_ASSUMED, ENTRY_COST_ASSUMED}, {COST_SATURATED, ENTRY_COST_SATURATED}};
    uint32_t flags = (usage_flags & USAGE_REPORTED) != 0 ? 0 : ENTRY_USAGE_MISSING;
    for (size_t i = 0; i < sizeof of_usage / sizeof of_usage[0]; i++)
        flags |= (usage_flags & of_usage[i].from) != 0 ? of_usage[i].to : 0;
    for (size_t i = 0; i < sizeof of_cost / sizeof of_cost[0]; i++)
        flags |= (cost_flags & of_cost[i].from) != 0 ? of_cost[i].to : 0;
    return flags;
}

/* At most max bytes of s, not ending inside a UTF-8 character. */
static struct sl_str cut(struct sl_str s, size_t max)
{
    if (s.n <= max)
        return s;
    size_t n = max;
    while (n > 0 && max - n < 3 && ((unsigned char)s.p[n] & 0xC0u) == 0x80u)
        n--;
    return sl_str_head(s, n);
}

static void write_name(struct sl_writer *w, struct sl_str s, size_t max)
{
    s = cut(s, max);
    sl_write_uint(w, s.n, 1);
    sl_write_bytes(w, s.p, s.n);
}

static struct sl_str read_name(struct sl_reader *r, size_t max)
{
    size_t n = (size_t)sl_read_uint(r, 1);
    if (n > max)
        r->bad = true;
    return sl_read_bytes(r, n);
}

static void write_id(struct sl_writer *w, struct sl_id id)
{
    sl_write_uint(w, id.hi, 8);
    sl_write_uint(w, id.lo, 8);
}

static struct sl_id read_id(struct sl_reader *r)
{
    uint64_t hi = sl_read_uint(r, 8);
    return (struct sl_id){.hi = hi, .lo = sl_read_uint(r, 8)};
}

static void write_i64(struct sl_writer *w, int64_t v)
{
    sl_write_uint(w, (uint64_t)v, 8);
}

static int64_t read_i64(struct sl_reader *r)
{
    return (int64_t)sl_read_uint(r, 8);
}

size_t entry_open_encode(const struct entry_open *e, unsigned char *out)
{
    struct sl_writer w = sl_writer_of(out, ENTRY_OPEN_MAX);
    SL_CHECK(e->estimate_cost_p >= 0);
    sl_write_uint(&w, OPEN_VERSION, 1);
    write_id(&w, e->attempt);
    write_id(&w, e->exchange);
    write_id(&w, e->key);
    write_i64(&w, e->wall_ns);
    sl_write_uint(&w, e->estimate_input, 8);
    write_i64(&w, e->estimate_cost_p);
    sl_write_uint(&w, e->flags, 4);
    sl_write_uint(&w, e->worker, 2);
    sl_write_uint(&w, e->number, 2);
    write_name(&w, e->tenant, ENTRY_NAME_MAX);
    write_name(&w, e->model, ENTRY_NAME_MAX);
    write_name(&w, e->provider, ENTRY_NAME_MAX);
    write_name(&w, e->target, ENTRY_NAME_MAX);
    write_name(&w, e->operation, ENTRY_SHORT_MAX);
    write_name(&w, e->price_version, ENTRY_SHORT_MAX);
    SL_CHECK(!w.over);
    return w.n;
}

enum sl_err entry_open_decode(struct sl_str bytes, struct entry_open *out_e)
{
    struct sl_reader r = sl_reader_of(bytes.p, bytes.n);
    struct entry_open e;
    if (sl_read_uint(&r, 1) != OPEN_VERSION)
        return SL_EINVAL;
    e.attempt = read_id(&r);
    e.exchange = read_id(&r);
    e.key = read_id(&r);
    e.wall_ns = read_i64(&r);
    e.estimate_input = sl_read_uint(&r, 8);
    e.estimate_cost_p = read_i64(&r);
    e.flags = (uint32_t)sl_read_uint(&r, 4);
    e.worker = (uint16_t)sl_read_uint(&r, 2);
    e.number = (uint16_t)sl_read_uint(&r, 2);
    e.tenant = read_name(&r, ENTRY_NAME_MAX);
    e.model = read_name(&r, ENTRY_NAME_MAX);
    e.provider = read_name(&r, ENTRY_NAME_MAX);
    e.target = read_name(&r, ENTRY_NAME_MAX);
    e.operation = read_name(&r, ENTRY_SHORT_MAX);
    e.price_version = read_name(&r, ENTRY_SHORT_MAX);
    if (!sl_reader_ok(&r) || r.left != 0 || e.estimate_cost_p < 0)
        return SL_EINVAL;
    *out_e = e;
    return SL_OK;
}

/* Only those that are there, as index and count: most attempts have none. */
static void write_units(struct sl_writer *w, const struct usage *u)
{
    unsigned n = 0;
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++)
        n += u->by_unit[i] != 0;
    sl_write_uint(w, n, 1);
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++) {
        if (u->by_unit[i] == 0)
            continue;
        sl_write_uint(w, i, 1);
        sl_write_uint(w, u->by_unit[i], 8);
    }
}

/* One form for one meaning: indexes rise and no count is 0. */
static bool read_units(struct sl_reader *r, struct usage *u)
{
    uint64_t n = sl_read_uint(r, 1), next = 0;
    for (uint64_t k = 0; k < n; k++) {
        uint64_t i = sl_read_uint(r, 1), count = sl_read_uint(r, 8);
        if (i < next || i >= USAGE_UNIT_COUNT || count == 0)
            return false;
        u->by_unit[i] = count;
        next = i + 1;
    }
    return true;
}

size_t entry_close_encode(const struct entry_close *e, unsigned char *out)
{
    struct sl_writer w = sl_writer_of(out, ENTRY_CLOSE_MAX);
    SL_CHECK(e->cost_p >= 0);
    sl_write_uint(&w, CLOSE_VERSION, 1);
    write_id(&w, e->attempt);
    write_i64(&w, e->wall_ns);
    write_i64(&w, e->cost_p);
    write_i64(&w, e->duration_ns);
    write_i64(&w, e->first_token_ns);
    sl_write_uint(&w, e->bytes_in, 8);
    sl_write_uint(&w, e->bytes_out, 8);
    sl_write_uint(&w, e->flags, 4);
    sl_write_uint(&w, e->status, 2);
    sl_write_uint(&w, TOKEN_CLASS_COUNT, 1);
    for (unsigned i = 0; i < TOKEN_CLASS_COUNT; i++)
        sl_write_uint(&w, e->usage.by_class[i], 8);
    write_units(&w, &e->usage);
    write_name(&w, e->outcome, ENTRY_SHORT_MAX);
    write_name(&w, e->price_version, ENTRY_SHORT_MAX);
    SL_CHECK(!w.over);
    return w.n;
}

enum sl_err entry_close_decode(struct sl_str bytes, struct entry_close *out_e)
{
    struct sl_reader r = sl_reader_of(bytes.p, bytes.n);
    struct entry_close e = {.flags = 0};
    uint64_t version = sl_read_uint(&r, 1);
    if (version == 0 || version > CLOSE_VERSION)
        return SL_EINVAL;
    e.attempt = read_id(&r);
    e.wall_ns = read_i64(&r);
    e.cost_p = read_i64(&r);
    e.duration_ns = read_i64(&r);
    e.first_token_ns = read_i64(&r);
    e.bytes_in = sl_read_uint(&r, 8);
    e.bytes_out = sl_read_uint(&r, 8);
    e.flags = (uint32_t)sl_read_uint(&r, 4);
    e.status = (uint16_t)sl_read_uint(&r, 2);
    uint64_t classes = sl_read_uint(&r, 1);
    if (classes > TOKEN_CLASS_COUNT)
        return SL_EINVAL;
    for (unsigned i = 0; i < classes; i++)
        e.usage.by_class[i] = sl_read_uint(&r, 8);
    if (version >= 2 && !read_units(&r, &e.usage))
        return SL_EINVAL;
    e.outcome = read_name(&r, ENTRY_SHORT_MAX);
    e.price_version = read_name(&r, ENTRY_SHORT_MAX);
    if (!sl_reader_ok(&r) || r.left != 0 || e.cost_p < 0)
        return SL_EINVAL;
    *out_e = e;
    return SL_OK;
}
