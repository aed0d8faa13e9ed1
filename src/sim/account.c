/* The account of what was served: one compact record per request, the newest of them kept, told by GET /sim/count. Tests compare it
 * with the ledger, so the numbers are those that a provider would bill. */
#include "base/mem.h"
#include "sim/realtime.h"

#define FIRST_RECORDS 1024u

static struct sim_served *next_record(struct sim *s)
{
    size_t most = s->set.records != 0 ? s->set.records : SIM_RECORDS;
    most = most < SIM_RECORDS_MAX ? most : SIM_RECORDS_MAX;
    if (s->n_served == s->cap_served && s->cap_served < most) {
        size_t cap = s->cap_served == 0 ? FIRST_RECORDS : s->cap_served * 2;
        s->cap_served = cap < most ? cap : most;
        s->served = sl_realloc(s->served, s->cap_served * sizeof *s->served);
    }
    return &s->served[s->n_served++ % s->cap_served];
}

/* "00-<32 digits>-<16 digits>-<2 digits>" of W3C Trace Context, version 00; anything else is not kept. */
static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void keep_trace(unsigned char to[SIM_TRACE], struct sl_str s)
{
    size_t n = 0;
    memset(to, 0, SIM_TRACE);
    if (s.n != 55 || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return;
    for (size_t i = 0; i + 1 < s.n;) {
        if (s.p[i] == '-') {
            i++;
            continue;
        }
        int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);
        if (high < 0 || low < 0) {
            memset(to, 0, SIM_TRACE);
            return;
        }
        to[n++] = (unsigned char)(high << 4 | low);
        i += 2;
    }
}

static void add_trace(struct sl_buf *b, const unsigned char trace[SIM_TRACE])
{
    static const char hex[] = "0123456789abcdef";
    static const unsigned char none[SIM_TRACE];
    if (memcmp(trace, none, SIM_TRACE) == 0)
        return;
    for (size_t i = 0; i < SIM_TRACE; i++) {
        if (i == 1 || i == 17 || i == 25)
            sl_buf_addc(b, '-');
        sl_buf_addc(b, hex[trace[i] >> 4]);
        sl_buf_addc(b, hex[trace[i] & 15]);
    }
}

static struct sl_str caller_id(const struct sim_call *c)
{
    const struct http_header *h = http_headers_find_name(&c->r->headers, SL_STR("x-client-request-id"));
    return h != NULL ? h->value : http_headers_get(&c->r->headers, HN_X_REQUEST_ID);
}

void sim_account_add(struct sim_call *c)
{
    struct sim *s = c->sim;
    struct sim_served *r = next_record(s);
    bool billed = c->billed && c->status == 200 && !c->count;
    uint64_t completion = c->out_tokens + (billed ? c->reasoning : 0);
    keep_trace(r->trace, http_headers_get(&c->r->headers, HN_TRACEPARENT));
    sim_keep(r->id, sizeof r->id, caller_id(c));
    sim_keep(r->model, sizeof r->model, c->model);
    r->bytes = c->sent;
    r->prompt = billed ? c->prompt : 0;
    r->cached = billed ? c->cached : 0;
    r->completion = !billed ? 0 : completion < UINT32_MAX ? (uint32_t)completion : UINT32_MAX;
    r->reasoning = billed ? c->reasoning : 0;
    r->written = billed ? c->written : 0;
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++)
        r->units[i] = billed ? (uint32_t)c->units[i] : 0;
    r->audio_in = billed ? c->audio_in : 0;
    r->image_in = billed ? c->image_in : 0;
    r->audio_out = billed ? c->audio_out : 0;
    r->image_out = billed ? c->image_out : 0;
    r->format = c->format;
    r->status = (uint16_t)c->status;
    r->stream = c->stream;
    r->complete = c->complete;
    r->usage_sent = c->usage_sent;
    r->faulty = c->n_faults > 0;
    s->minute_tokens += r->prompt + r->completion;
}

static const char *const unit_names[USAGE_UNIT_COUNT] = {
#define X(id, name, side) [UU_##id] = #name,
    USAGE_UNITS(X)
#undef X
};

static uint32_t input_of(const struct sim_served *r)
{
    return r->prompt - r->cached - r->written - r->audio_in - r->image_in;
}

static uint32_t output_of(const struct sim_served *r)
{
    return r->completion - r->reasoning - r->audio_out - r->image_out;
}

void sim_bill(const struct sim *s, struct sim_billed *out)
{
    uint64_t n = s->n_served < s->cap_served ? s->n_served : s->cap_served;
    for (uint64_t i = 0; i < n; i++) {
        const struct sim_served *r = &s->served[i];
        out->requests++;
        out->answers += r->status == 200;
        out->input += input_of(r);
        out->cache_read += r->cached;
        out->cache_write += r->written;
        out->output += output_of(r);
        out->reasoning += r->reasoning;
    }
}

void sim_account_turn(struct sim_call *c, const struct sim_realtime_turn *t)
{
    struct sim_served *r = next_record(c->sim);
    *r = (struct sim_served){.prompt = t->prompt,
                             .cached = t->cached,
                             .completion = t->completion,
                             .audio_in = t->audio_in,
                             .audio_out = t->audio_out,
                             .reasoning = t->reasoning,
                             .units = {[UU_AUDIO_MS_IN] = t->audio_ms},
                             .status = 101,
                             .live = c->live,
                             .stream = 1,
                             .complete = t->complete,
                             .usage_sent = c->usage_sent,
                             .faulty = c->n_faults > 0};
    keep_trace(r->trace, http_headers_get(&c->r->headers, HN_TRACEPARENT));
    sim_keep(r->id, sizeof r->id, caller_id(c));
    sim_keep(r->model, sizeof r->model, c->model);
}

static struct sl_str yes_no(uint8_t b)
{
    return b != 0 ? SL_STR("true") : SL_STR("false");
}

static void add_record(struct sl_buf *b, const struct sim_served *r, uint64_t n)
{
    sl_buf_addf(b, "{\"n\":%llu,\"traceparent\":\"", (unsigned long long)n);
    add_trace(b, r->trace);
    sl_buf_adds(b, SL_STR("\",\"id\":"));
    sl_buf_add_json(b, sl_str_c(r->id));
    sl_buf_adds(b, SL_STR(",\"model\":"));
    sl_buf_add_json(b, sl_str_c(r->model));
    sl_buf_addf(b, ",\"status\":%u,\"prompt\":%u,\"cached\":%u,\"completion\":%u,\"reasoning\":%u,\"bytes\":%llu",
                r->status, r->prompt, r->cached, r->completion, r->reasoning, (unsigned long long)r->bytes);
    /* the same once more, in classes that do not overlap: those of the ledger */
    sl_buf_addf(b, ",\"input\":%u,\"cache_read\":%u,\"cache_write\":%u,\"output\":%u", input_of(r), r->cached,
                r->written, output_of(r));
    if (r->audio_in > 0 || r->audio_out > 0)
        sl_buf_addf(b, ",\"audio_in\":%u,\"audio_out\":%u", r->audio_in, r->audio_out);
    if (r->image_in > 0 || r->image_out > 0)
        sl_buf_addf(b, ",\"image_in\":%u,\"image_out\":%u", r->image_in, r->image_out);
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++)
        if (r->units[i] > 0)
            sl_buf_addf(b, ",\"%s\":%u", unit_names[i], r->units[i]);
    sl_buf_addf(b, ",\"format\":\"%s\"",
                r->format != NULL  ? r->format->name
                : r->live          ? "gemini-live"
                : r->status == 101 ? "openai-realtime"
                                   : "");
    sl_buf_adds(b, SL_STR(",\"stream\":"));
    sl_buf_adds(b, yes_no(r->stream));
    sl_buf_adds(b, SL_STR(",\"complete\":"));
    sl_buf_adds(b, yes_no(r->complete));
    sl_buf_adds(b, SL_STR(",\"usage_sent\":"));
    sl_buf_adds(b, yes_no(r->usage_sent));
    sl_buf_adds(b, SL_STR(",\"faulty\":"));
    sl_buf_adds(b, yes_no(r->faulty));
    sl_buf_addc(b, '}');
}

/* The number behind "after=" in the query; 0 without. */
static uint64_t after_of(struct sl_str query)
{
    uint64_t n = 0;
    while (query.p != NULL) {
        struct sl_str part = sl_str_cut(&query, '&');
        if (sl_str_starts(part, SL_STR("after=")))
            sl_str_to_u64(sl_str_from(part, 6), &n);
    }
    return n;
}

/* {"total","live","cancelled","lost","served":[...],"next"}: records behind `after`, oldest first; `next` is the `after` of the
 * next page, null when this is the last; `lost`: how many of those asked for have been overwritten. */
void sim_account_get(struct sim_call *c)
{
    struct sim *s = c->sim;
    struct sl_buf b;
    uint64_t from = after_of(c->r->query), oldest = s->n_served > s->cap_served ? s->n_served - s->cap_served : 0;
    uint64_t lost = from < oldest ? oldest - from : 0;
    from += lost;
    uint64_t to = from < s->n_served && s->n_served - from > SIM_COUNT_PAGE ? from + SIM_COUNT_PAGE : s->n_served;
    sl_buf_init(&b, SIM_ANSWER_MAX);
    sl_buf_addf(&b, "{\"total\":%llu,\"live\":%u,\"cancelled\":%llu,\"lost\":%llu,\"uploaded\":%llu,\"served\":[",
                (unsigned long long)s->n_served, s->n_calls - 1, (unsigned long long)s->n_cancelled,
                (unsigned long long)lost, (unsigned long long)s->uploaded);
    for (uint64_t i = from; i < to; i++) {
        if (i > from)
            sl_buf_adds(&b, SL_STR(",\n"));
        add_record(&b, &s->served[i % s->cap_served], i + 1);
    }
    if (to < s->n_served)
        sl_buf_addf(&b, "],\"next\":%llu}", (unsigned long long)to);
    else
        sl_buf_adds(&b, SL_STR("],\"next\":null}"));
    sim_answer(c, 200, SIM_JSON, sl_buf_str(&b));
    sl_buf_done(&b);
}
