/* The page is written family by family, HELP and TYPE once each, in the order of the lists in counters.h; targets are in
 * the order of their names. Numbers are integers until the last digit (telemetry/fixed.h). */
#include "telemetry/prometheus.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "telemetry/fixed.h"

#define LABEL_MAX 200u
#define NS_DECIMALS 9u
#define PICO_DECIMALS 12u

/* Counts of a target that are series of their own: one per outcome, one per token class. */
#define UNITS (TEL_MAX_OUTCOMES + TOKEN_CLASS_COUNT)
#define COUNTS (UNITS + USAGE_UNIT_COUNT)
#define REST_SERIES 5u                      /* cost; sum and count of duration and of first byte */
#define OTHER_SERIES (COUNTS + REST_SERIES) /* what `other` may come to; set aside from the cap */
_Static_assert(COUNTS <= 128, "one bit each in row.shown");

/* One target over all workers. The sums are of this scrape; what is shown stays shown. */
struct row {
    struct sl_str provider, model; /* own (arena of the export) */
    unsigned __int128 shown;       /* bits of `counts` */
    bool shown_rest;
    uint64_t counts[COUNTS]; /* outcomes, then tokens, then units */
    uint64_t attempts, first_bytes;
    unsigned __int128 cost_p, duration_ns, first_byte_ns;
};

struct tel_export {
    struct sl_arena arena;
    struct sl_map by_name; /* "provider\0model" -> struct row, kept for good */
    struct row **rows;     /* own (arena): all of by_name; [0] is `other`, the rest in order of arrival */
    struct row **sorted;   /* own (arena): the same rows in order of names */
    uint32_t n_rows, max_rows;
    uint32_t series_left; /* of the cap */
};

struct page {
    struct tel_export *x;
    const struct prometheus_facts *facts;
    struct sl_buf *out;
};

/* ---- the export's memory ---- */

static struct row *row_new(struct tel_export *x, struct sl_str provider, struct sl_str model)
{
    struct row *r = SL_ARENA_NEW(&x->arena, struct row);
    char *names = sl_arena_alloc(&x->arena, provider.n + model.n + 1);
    memcpy(names, provider.p, provider.n);
    names[provider.n] = '\0';
    memcpy(names + provider.n + 1, model.p, model.n);
    r->provider = sl_str_of(names, provider.n);
    r->model = sl_str_of(names + provider.n + 1, model.n);
    sl_map_put(&x->by_name, sl_str_of(names, provider.n + 1 + model.n), r);
    x->sorted[x->n_rows] = r;
    x->rows[x->n_rows++] = r;
    return r;
}

struct tel_export *tel_export_new(uint32_t max_series)
{
    struct tel_export *x = SL_NEW(struct tel_export);
    if (max_series == 0)
        max_series = TEL_SERIES_DEFAULT;
    x->series_left = max_series > OTHER_SERIES ? max_series - OTHER_SERIES : 0;
    x->max_rows = x->series_left / TEL_SERIES_PER_TARGET + 1;
    sl_arena_init(&x->arena, NULL);
    sl_map_init(&x->by_name);
    x->rows = sl_arena_zalloc(&x->arena, x->max_rows * sizeof(struct row *));
    x->sorted = sl_arena_zalloc(&x->arena, x->max_rows * sizeof(struct row *));
    row_new(x, SL_STR("other"), SL_STR("other"));
    return x;
}

void tel_export_free(struct tel_export *x)
{
    if (x == NULL)
        return;
    sl_map_done(&x->by_name);
    sl_arena_done(&x->arena);
    sl_free(x);
}

/* ---- gathering targets ---- */

static void zero_sums(struct row *r)
{
    memset(r->counts, 0, sizeof r->counts);
    r->attempts = r->first_bytes = 0;
    r->cost_p = r->duration_ns = r->first_byte_ns = 0;
}

static struct row *row_of(struct tel_export *x, const struct tel_target *t)
{
    /* A target's names lie in memory as the key does: "provider\0model". */
    struct row *r = sl_map_get(&x->by_name, sl_str_of(t->provider.p, t->provider.n + 1 + t->model.n));
    if (r == NULL && x->n_rows < x->max_rows)
        r = row_new(x, t->provider, t->model);
    return r != NULL ? r : x->rows[0];
}

static void add_target(struct row *r, const struct tel_target *t)
{
    for (size_t i = 0; i < TEL_MAX_OUTCOMES; i++) {
        uint64_t n = tel_read(&t->outcomes[i]);
        r->counts[i] += n;
        r->attempts += n;
    }
    for (size_t i = 0; i < TOKEN_CLASS_COUNT; i++)
        r->counts[TEL_MAX_OUTCOMES + i] += tel_read(&t->tokens[i]);
    for (size_t i = 0; i < USAGE_UNIT_COUNT; i++)
        r->counts[UNITS + i] += tel_read(&t->units[i]);
    r->cost_p += tel_read(&t->cost_p);
    r->duration_ns += tel_read(&t->duration_ns);
    r->first_byte_ns += tel_read(&t->first_byte_ns);
    r->first_bytes += tel_read(&t->first_bytes);
}

/* Whether series that are not shown yet may be from now on. */
static bool admit(struct tel_export *x, uint32_t series)
{
    if (x->series_left < series)
        return false;
    x->series_left -= series;
    return true;
}

/* Cost and times are admitted together, before the counts: a target without its cost is of little use. */
static void cap_rest(struct tel_export *x, struct row *r, struct row *other)
{
    if (r->shown_rest || r->attempts == 0)
        return;
    r->shown_rest = admit(x, REST_SERIES);
    if (r->shown_rest)
        return;
    other->attempts += r->attempts;
    other->first_bytes += r->first_bytes;
    other->cost_p += r->cost_p;
    other->duration_ns += r->duration_ns;
    other->first_byte_ns += r->first_byte_ns;
}

/* What may not be shown under the target's own name is counted under `other`. */
static void cap_counts(struct tel_export *x, struct row *r, struct row *other)
{
    for (size_t i = 0; i < COUNTS; i++) {
        unsigned __int128 bit = (unsigned __int128)1 << i;
        if (r->counts[i] == 0 || (r->shown & bit) != 0)
            continue;
        if (admit(x, 1))
            r->shown |= bit;
        else
            other->counts[i] += r->counts[i];
    }
}

static int by_names(const void *a, const void *b)
{
    const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
    int c = sl_str_cmp(x->provider, y->provider);
    return c != 0 ? c : sl_str_cmp(x->model, y->model);
}

static void gather_targets(struct tel_export *x, const struct prometheus_facts *facts)
{
    for (size_t i = 0; i < x->n_rows; i++)
        zero_sums(x->rows[i]);
    for (size_t w = 0; w < facts->n_workers; w++) {
        const struct tel_target *t = atomic_load_explicit(&facts->workers[w]->targets, memory_order_acquire);
        for (; t != NULL; t = t->next)
            add_target(row_of(x, t), t);
    }
    struct row *other = x->rows[0];
    for (size_t i = 1; i < x->n_rows; i++) {
        cap_rest(x, x->rows[i], other);
        cap_counts(x, x->rows[i], other);
    }
    other->shown_rest = other->shown_rest || other->attempts != 0;
    for (size_t i = 0; i < COUNTS; i++)
        if (other->counts[i] != 0)
            other->shown |= (unsigned __int128)1 << i;
    qsort(x->sorted, x->n_rows, sizeof(struct row *), by_names);
}

/* ---- pieces of the format ---- */

static void add(struct page *p, const char *text)
{
    sl_buf_adds(p->out, sl_str_c(text));
}

static void add_head(struct page *p, const char *name, const char *type, const char *help)
{
    add(p, "# HELP ");
    add(p, name);
    add(p, " ");
    add(p, help);
    add(p, "\n# TYPE ");
    add(p, name);
    add(p, " ");
    add(p, type);
    add(p, "\n");
}

static size_t plain_run(struct sl_str s)
{
    size_t n = 0;
    while (n < s.n && (unsigned char)s.p[n] >= 0x20 && (unsigned char)s.p[n] < 0x7F && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

/* Bytes of the character at the front: 1 for what must be replaced or escaped, 2 to 4 for good UTF-8. */
static size_t utf8_run(struct sl_str s)
{
    for (size_t n = 2; n <= 4 && n <= s.n; n++)
        if (sl_utf8_valid(sl_str_head(s, n)))
            return n;
    return 1;
}

static void add_special(struct sl_buf *out, struct sl_str s, size_t n)
{
    if (n > 1) {
        sl_buf_add(out, s.p, n);
        return;
    }
    switch (s.p[0]) {
    case '"':
        sl_buf_add(out, "\\\"", 2);
        break;
    case '\\':
        sl_buf_add(out, "\\\\", 2);
        break;
    case '\n':
        sl_buf_add(out, "\\n", 2);
        break;
    default:
        sl_buf_add(out, "\xEF\xBF\xBD", 3);
    }
}

enum sl_err prometheus_add_label(struct sl_buf *out, struct sl_str value)
{
    struct sl_str s = sl_str_head(value, LABEL_MAX);
    sl_buf_addc(out, '"');
    while (s.n > 0) {
        size_t n = plain_run(s);
        sl_buf_add(out, s.p, n);
        s = sl_str_from(s, n);
        if (s.n == 0)
            break;
        n = (unsigned char)s.p[0] < 0x80 ? 1 : utf8_run(s);
        add_special(out, s, n);
        s = sl_str_from(s, n);
    }
    sl_buf_addc(out, '"');
    return out->over ? SL_ELIMIT : SL_OK;
}

static void add_labelled(struct page *p, const char *before, struct sl_str value) /* before: `{name=` or `,name=` */
{
    add(p, before);
    prometheus_add_label(p->out, value);
}

static void add_value(struct page *p, unsigned __int128 v, unsigned decimals)
{
    add(p, " ");
    tel_fixed_add(p->out, v, decimals);
    add(p, "\n");
}

static unsigned decimals_of(enum tel_unit unit)
{
    switch (unit) {
    case TEL_NS:
        return NS_DECIMALS;
    case TEL_PICO:
        return PICO_DECIMALS;
    case TEL_ONE:
        break;
    }
    return 0;
}

/* ---- families without targets ---- */

static void add_number(struct page *p, const char *name, enum tel_number id, enum tel_kind kind, enum tel_unit unit)
{
    uint64_t sum = 0; /* gauges are two's complement and may be negative in parts */
    for (size_t w = 0; w < p->facts->n_workers; w++)
        sum += tel_read(&p->facts->workers[w]->numbers[id]);
    add(p, name);
    if (kind == TEL_GAUGE && sum > (uint64_t)INT64_MAX) {
        add(p, " -");
        tel_fixed_add(p->out, 0 - sum, decimals_of(unit));
        add(p, "\n");
        return;
    }
    add_value(p, sum, decimals_of(unit));
}

static void add_numbers(struct page *p)
{
    static const char *const types[] = {[TEL_COUNTER] = "counter", [TEL_GAUGE] = "gauge"};
#define X(id, name, kind, unit, help)                                                                                  \
    add_head(p, name, types[TEL_##kind], help);                                                                        \
    add_number(p, name, TEL_##id, TEL_##kind, TEL_##unit);
    TEL_NUMBERS(X)
#undef X
}

static void add_requests(struct page *p)
{
    static const struct sl_str operations[] = {
#define X(id, label) SL_STR_INIT(label),
        TEL_OPERATIONS(X)
#undef X
    };
    static const struct sl_str statuses[] = {
#define X(id, label) SL_STR_INIT(label),
        TEL_STATUSES(X)
#undef X
    };
    const char *name = "sluice_requests_total";
    add_head(p, name, "counter", "Exchanges that are over, by operation and class of the status that the client got.");
    for (size_t op = 0; op < TEL_OP_COUNT; op++) {
        for (size_t st = 0; st < TEL_ST_COUNT; st++) {
            uint64_t sum = 0;
            for (size_t w = 0; w < p->facts->n_workers; w++)
                sum += tel_read(&p->facts->workers[w]->requests[op][st]);
            add(p, name);
            add_labelled(p, "{operation=", operations[op]);
            add_labelled(p, ",status=", statuses[st]);
            add(p, "}");
            add_value(p, sum, 0);
        }
    }
}

static void add_refused(struct page *p)
{
    static const struct sl_str reasons[] = {
#define X(id, label) SL_STR_INIT(label),
        TEL_REASONS(X)
#undef X
    };
    const char *name = "sluice_refused_total";
    add_head(p, name, "counter", "Requests that the gateway itself refused, by reason.");
    for (size_t i = 0; i < TEL_WHY_COUNT; i++) {
        uint64_t sum = 0;
        for (size_t w = 0; w < p->facts->n_workers; w++)
            sum += tel_read(&p->facts->workers[w]->refused[i]);
        add(p, name);
        add_labelled(p, "{reason=", reasons[i]);
        add(p, "}");
        add_value(p, sum, 0);
    }
}

struct hist_view {
    const char *name, *label; /* label: "operation=\"chat\"" or "" */
    uint64_t lowest, highest; /* le in ns */
};

static void add_hist_line(struct page *p, const struct hist_view *v, const char *suffix)
{
    add(p, v->name);
    add(p, suffix);
    if (v->label[0] == '\0')
        return;
    add(p, "{");
    add(p, v->label);
    add(p, "}");
}

static void add_bucket(struct page *p, const struct hist_view *v, const char *le, uint64_t n)
{
    add(p, v->name);
    add(p, "_bucket{");
    add(p, v->label);
    add(p, v->label[0] != '\0' ? ",le=\"" : "le=\"");
    add(p, le);
    add(p, "\"}");
    add_value(p, n, 0);
}

/* Bounds 1, 2, 5 times the powers of ten; all of them are exact bounds of buckets. One walk over the buckets. */
static void add_hist(struct page *p, const struct hist_view *v, const struct tel_hist_sum *s)
{
    static const uint64_t steps[] = {1, 2, 5};
    uint64_t cumulative = 0;
    unsigned bucket = 0;
    for (uint64_t decade = 1; decade <= v->highest; decade *= 10) {
        for (size_t i = 0; i < 3; i++) {
            uint64_t bound = decade * steps[i];
            if (bound < v->lowest || bound > v->highest)
                continue;
            while (bucket < TEL_HIST_BUCKETS && tel_hist_upper(bucket) <= bound)
                cumulative += s->bucket[bucket++];
            char le[TEL_FIXED_TEXT];
            tel_fixed_text(bound, NS_DECIMALS, le);
            add_bucket(p, v, le, cumulative);
        }
    }
    add_bucket(p, v, "+Inf", s->count);
    add_hist_line(p, v, "_sum");
    add_value(p, s->sum_ns, NS_DECIMALS);
    add_hist_line(p, v, "_count");
    add_value(p, s->count, 0);
}

static void add_hists(struct page *p)
{
    static const char *const labels[] = {
#define X(id, label) "operation=\"" label "\"",
        TEL_OPERATIONS(X)
#undef X
    };
    static const struct {
        struct hist_view view;
        const char *help;
    } hists[] = {
#define X(id, name, low, high, help) {{name, "", low, high}, help},
        TEL_HISTS(X)
#undef X
    };
    struct tel_hist_sum sum;
    struct hist_view latency = {"sluice_request_duration_seconds", "", UINT64_C(100000), UINT64_C(1000000000000)};
    add_head(p, latency.name, "histogram",
             "Whole exchanges, from the first byte of the request to the last of the answer.");
    for (size_t op = 0; op < TEL_OP_COUNT; op++) {
        sum = (struct tel_hist_sum){0};
        for (size_t w = 0; w < p->facts->n_workers; w++)
            tel_hist_sum_add(&sum, &p->facts->workers[w]->latency[op]);
        latency.label = labels[op];
        add_hist(p, &latency, &sum);
    }
    for (size_t h = 0; h < TEL_HIST_COUNT; h++) {
        sum = (struct tel_hist_sum){0};
        for (size_t w = 0; w < p->facts->n_workers; w++)
            tel_hist_sum_add(&sum, &p->facts->workers[w]->hists[h]);
        add_head(p, hists[h].view.name, "histogram", hists[h].help);
        add_hist(p, &hists[h].view, &sum);
    }
}

/* ---- families by target ---- */

static void add_target_labels(struct page *p, const struct row *r)
{
    add_labelled(p, "{provider=", r->provider);
    add_labelled(p, ",model=", r->model);
}

static struct sl_str count_name(const struct page *p, size_t i)
{
    static const struct sl_str tokens[] = {
#define X(id, name, side) SL_STR_INIT(#name),
        TOKEN_CLASSES(X) USAGE_UNITS(X)
#undef X
    };
    if (i >= TEL_MAX_OUTCOMES)
        return tokens[i - TEL_MAX_OUTCOMES];
    return i < p->facts->n_outcomes ? p->facts->outcomes[i] : SL_STR("unknown");
}

static void add_counts(struct page *p, const char *name, const char *label, size_t from, size_t to)
{
    for (size_t k = 0; k < p->x->n_rows; k++) {
        const struct row *r = p->x->sorted[k];
        for (size_t i = from; i < to; i++) {
            if ((r->shown & ((unsigned __int128)1 << i)) == 0)
                continue;
            add(p, name);
            add_target_labels(p, r);
            add_labelled(p, label, count_name(p, i));
            add(p, "}");
            add_value(p, r->counts[i], 0);
        }
    }
}

static void add_cost(struct page *p)
{
    const char *name = "sluice_cost_usd_total";
    add_head(p, name, "counter", "Cost of attempts at list prices, in US dollars.");
    for (size_t k = 0; k < p->x->n_rows; k++) {
        const struct row *r = p->x->sorted[k];
        if (!r->shown_rest)
            continue;
        add(p, name);
        add_target_labels(p, r);
        add(p, "}");
        add_value(p, r->cost_p, PICO_DECIMALS);
    }
}

static void add_summary_line(struct page *p, const char *name, const struct row *r)
{
    add(p, name);
    add_target_labels(p, r);
    add(p, "}");
}

static void add_times(struct page *p)
{
    add_head(p, "sluice_attempt_duration_seconds", "summary", "Attempts, from start to end.");
    for (size_t k = 0; k < p->x->n_rows; k++) {
        const struct row *r = p->x->sorted[k];
        if (!r->shown_rest)
            continue;
        add_summary_line(p, "sluice_attempt_duration_seconds_sum", r);
        add_value(p, r->duration_ns, NS_DECIMALS);
        add_summary_line(p, "sluice_attempt_duration_seconds_count", r);
        add_value(p, r->attempts, 0);
    }
    add_head(p, "sluice_attempt_first_byte_seconds", "summary",
             "From the start of an attempt to the first byte of the answer, where one came.");
    for (size_t k = 0; k < p->x->n_rows; k++) {
        const struct row *r = p->x->sorted[k];
        if (!r->shown_rest)
            continue;
        add_summary_line(p, "sluice_attempt_first_byte_seconds_sum", r);
        add_value(p, r->first_byte_ns, NS_DECIMALS);
        add_summary_line(p, "sluice_attempt_first_byte_seconds_count", r);
        add_value(p, r->first_bytes, 0);
    }
}

static void add_targets(struct page *p)
{
    add_head(p, "sluice_attempts_total", "counter", "Attempts at targets that are over, by outcome.");
    add_counts(p, "sluice_attempts_total", ",outcome=", 0, TEL_MAX_OUTCOMES);
    add_head(p, "sluice_tokens_total", "counter", "Tokens consumed, by disjoint class.");
    add_counts(p, "sluice_tokens_total", ",class=", TEL_MAX_OUTCOMES, UNITS);
    add_head(p, "sluice_units_total", "counter",
             "Units consumed beside tokens: images, milliseconds, characters, searches, pages.");
    add_counts(p, "sluice_units_total", ",unit=", UNITS, COUNTS);
    add_cost(p);
    add_times(p);
}

/* ---- what is running ---- */

static void add_facts(struct page *p)
{
    add_head(p, "sluice_build_info", "gauge", "The program that is running; always 1.");
    add(p, "sluice_build_info");
    add_labelled(p, "{version=", p->facts->version);
    add_labelled(p, ",revision=", p->facts->revision);
    add(p, "} 1\n");
    add_head(p, "sluice_config_info", "gauge", "The configuration and the price catalogue in force; always 1.");
    add(p, "sluice_config_info");
    add_labelled(p, "{config=", p->facts->config_revision);
    add_labelled(p, ",prices=", p->facts->price_version);
    add(p, "} 1\n");
    add_head(p, "sluice_start_time_seconds", "gauge", "When the program started, in seconds since 1970.");
    add(p, "sluice_start_time_seconds");
    add_value(p, p->facts->start_wall_ns > 0 ? (unsigned __int128)p->facts->start_wall_ns : 0, NS_DECIMALS);
    if (!p->facts->has_certificate)
        return;
    add_head(p, "sluice_tls_certificate_expires_seconds", "gauge",
             "Seconds until the certificate that clients see expires; negative when it has.");
    add(p, "sluice_tls_certificate_expires_seconds");
    sl_buf_addf(p->out, " %lld\n", (long long)p->facts->certificate_left_s);
}

enum sl_err prometheus_write(struct tel_export *x, const struct prometheus_facts *facts, struct sl_buf *out)
{
    struct page p = {.x = x, .facts = facts, .out = out};
    gather_targets(x, facts);
    add_facts(&p);
    add_requests(&p);
    add_refused(&p);
    add_hists(&p);
    add_targets(&p);
    add_numbers(&p);
    return out->over ? SL_ELIMIT : SL_OK;
}
