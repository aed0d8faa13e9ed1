/* Counters and the page made of them. The page is read back by a strict reader of the format that knows nothing of how
 * it was written. */
#include "telemetry/prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the three above first. */
#include <cmocka.h>
#include <pthread.h>

/* ---- a strict reader of text format 0.0.4 ---- */

enum {
    FAMILIES = 200,
    SAMPLES = 20000,
    LABELS = 4
};

struct sample {
    struct sl_str name, labels; /* labels: all between the braces */
    struct sl_str value;
};

struct reader {
    struct sl_str left;
    struct {
        struct sl_str name, type;
        bool has_samples;
    } families[FAMILIES];
    size_t n_families, n_samples;
    struct sample samples[SAMPLES];
};

static struct reader rd; /* large; one test at a time */

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (!first && c >= '0' && c <= '9');
}

static struct sl_str read_word(struct sl_str *s)
{
    size_t n = 0;
    while (n < s->n && is_name_char(s->p[n], n == 0))
        n++;
    struct sl_str w = sl_str_head(*s, n);
    *s = sl_str_from(*s, n);
    if (n == 0)
        fail_msg("a name was expected at '%.*s'", (int)(s->n < 60 ? s->n : 60), s->p);
    return w;
}

static void expect(struct sl_str *s, const char *text)
{
    if (!sl_str_starts(*s, sl_str_c(text)))
        fail_msg("'%s' expected at '%.*s'", text, (int)(s->n < 60 ? s->n : 60), s->p);
    *s = sl_str_from(*s, strlen(text));
}

static void read_label_value(struct sl_str *s)
{
    size_t i = 0;
    expect(s, "\"");
    while (i < s->n && s->p[i] != '"') {
        assert_true((unsigned char)s->p[i] >= 0x20 && s->p[i] != 0x7F);
        if (s->p[i] == '\\') {
            i++;
            assert_true(i < s->n && (s->p[i] == '\\' || s->p[i] == '"' || s->p[i] == 'n'));
        }
        i++;
    }
    assert_true(sl_utf8_valid(sl_str_head(*s, i)));
    *s = sl_str_from(*s, i);
    expect(s, "\"");
}

static struct sl_str read_labels(struct sl_str *s)
{
    struct sl_str names[LABELS], from;
    size_t n = 0;
    expect(s, "{");
    from = *s;
    for (;;) {
        assert_true(n < LABELS);
        names[n] = read_word(s);
        for (size_t i = 0; i < n; i++)
            assert_false(sl_str_eq(names[i], names[n]));
        n++;
        expect(s, "=");
        read_label_value(s);
        if (s->n > 0 && s->p[0] == '}')
            break;
        expect(s, ",");
    }
    struct sl_str all = sl_str_of(from.p, (size_t)(s->p - from.p));
    expect(s, "}");
    return all;
}

static void check_number(struct sl_str v)
{
    size_t i = v.n > 0 && v.p[0] == '-' ? 1 : 0, digits = 0, points = 0;
    for (; i < v.n; i++) {
        points += v.p[i] == '.';
        digits += v.p[i] >= '0' && v.p[i] <= '9';
        assert_true(v.p[i] == '.' || (v.p[i] >= '0' && v.p[i] <= '9'));
    }
    assert_true(digits > 0 && points <= 1);
}

/* A sample belongs to the family announced last: its name, or its name with a suffix that the type has. */
static void check_belongs(struct sl_str name)
{
    assert_true(rd.n_families > 0);
    struct sl_str family = rd.families[rd.n_families - 1].name, type = rd.families[rd.n_families - 1].type;
    assert_true(type.n > 0);
    rd.families[rd.n_families - 1].has_samples = true;
    assert_true(sl_str_starts(name, family));
    struct sl_str suffix = sl_str_from(name, family.n);
    if (sl_str_eq(type, SL_STR("histogram")))
        assert_true(sl_str_eq(suffix, SL_STR("_bucket")) || sl_str_eq(suffix, SL_STR("_sum")) ||
                    sl_str_eq(suffix, SL_STR("_count")));
    else if (sl_str_eq(type, SL_STR("summary")))
        assert_true(sl_str_eq(suffix, SL_STR("_sum")) || sl_str_eq(suffix, SL_STR("_count")));
    else
        assert_int_equal(suffix.n, 0);
    if (sl_str_eq(type, SL_STR("counter")))
        assert_true(sl_str_ends(name, SL_STR("_total")));
}

static void read_sample(struct sl_str line)
{
    struct sample s = {.name = read_word(&line)};
    check_belongs(s.name);
    if (line.n > 0 && line.p[0] == '{')
        s.labels = read_labels(&line);
    expect(&line, " ");
    s.value = line;
    check_number(s.value);
    for (size_t i = 0; i < rd.n_samples; i++)
        if (sl_str_eq(rd.samples[i].name, s.name) && sl_str_eq(rd.samples[i].labels, s.labels))
            fail_msg("twice: %.*s{%.*s}", SL_STR_ARG(s.name), SL_STR_ARG(s.labels));
    assert_true(rd.n_samples < SAMPLES);
    rd.samples[rd.n_samples++] = s;
}

static void read_comment(struct sl_str line)
{
    if (sl_str_starts(line, SL_STR("# HELP "))) {
        expect(&line, "# HELP ");
        struct sl_str name = read_word(&line);
        expect(&line, " ");
        assert_true(line.n > 5);
        for (size_t i = 0; i < rd.n_families; i++)
            assert_false(sl_str_eq(rd.families[i].name, name));
        assert_true(rd.n_families < FAMILIES);
        rd.families[rd.n_families].name = name;
        rd.families[rd.n_families].type = SL_STR_NONE;
        rd.families[rd.n_families++].has_samples = false;
        return;
    }
    expect(&line, "# TYPE ");
    struct sl_str name = read_word(&line);
    expect(&line, " ");
    assert_true(rd.n_families > 0 && sl_str_eq(rd.families[rd.n_families - 1].name, name));
    assert_int_equal(rd.families[rd.n_families - 1].type.n, 0);
    rd.families[rd.n_families - 1].type = line;
    assert_true(sl_str_eq(line, SL_STR("counter")) || sl_str_eq(line, SL_STR("gauge")) ||
                sl_str_eq(line, SL_STR("histogram")) || sl_str_eq(line, SL_STR("summary")));
}

static const char *value_of(const char *name, const char *labels)
{
    static char text[64];
    for (size_t i = 0; i < rd.n_samples; i++) {
        if (sl_str_eq(rd.samples[i].name, sl_str_c(name)) && sl_str_eq(rd.samples[i].labels, sl_str_c(labels))) {
            snprintf(text, sizeof text, "%.*s", SL_STR_ARG(rd.samples[i].value));
            return text;
        }
    }
    return "absent";
}

/* Buckets of a histogram rise, end in +Inf, and +Inf is the count. */
static void check_histograms(void)
{
    uint64_t last = 0, n = 0;
    for (size_t i = 0; i < rd.n_samples; i++) {
        const struct sample *s = &rd.samples[i];
        if (sl_str_ends(s->name, SL_STR("_bucket"))) {
            assert_true(sl_str_to_u64(s->value, &n));
            assert_true(n >= last);
            last = sl_str_ends(s->labels, SL_STR("le=\"+Inf\"")) ? 0 : n;
        } else if (sl_str_ends(s->name, SL_STR("_sum")) && i > 0 &&
                   sl_str_ends(rd.samples[i - 1].name, SL_STR("_bucket"))) {
            assert_true(sl_str_ends(rd.samples[i - 1].labels, SL_STR("le=\"+Inf\"")));
            assert_true(sl_str_eq(rd.samples[i - 1].value, rd.samples[i + 1].value));
        }
    }
}

static void read_page(struct sl_str page)
{
    memset(&rd, 0, sizeof rd);
    assert_true(page.n > 0 && page.p[page.n - 1] == '\n');
    rd.left = sl_str_head(page, page.n - 1);
    while (rd.left.p != NULL) {
        struct sl_str line = sl_str_cut(&rd.left, '\n');
        assert_true(line.n > 0);
        if (line.p[0] == '#')
            read_comment(line);
        else
            read_sample(line);
    }
    check_histograms();
}

/* ---- what it is asked ---- */

static const struct sl_str outcomes[] = {SL_STR_INIT("ok"), SL_STR_INIT("reset"), SL_STR_INIT("rate_limited")};

struct scene {
    struct tel_worker *w[3];
    struct tel_export *x;
    struct sl_buf page;
    struct prometheus_facts facts;
};

static void scene_init(struct scene *s, uint32_t max_series)
{
    for (size_t i = 0; i < 3; i++)
        s->w[i] = tel_worker_new(max_series);
    s->x = tel_export_new(max_series);
    sl_buf_init(&s->page, 4u << 20);
    s->facts = (struct prometheus_facts){
        .workers = (const struct tel_worker *const *)s->w,
        .n_workers = 3,
        .outcomes = outcomes,
        .n_outcomes = 3,
        .version = SL_STR("0.1.0"),
        .revision = SL_STR("abc"),
        .price_version = SL_STR("2026-11-20+1"),
        .config_revision = SL_STR("1"),
        .start_wall_ns = 1795000000500000000,
    };
}

static void scene_done(struct scene *s)
{
    for (size_t i = 0; i < 3; i++)
        tel_worker_free(s->w[i]);
    tel_export_free(s->x);
    sl_buf_done(&s->page);
}

static void scrape(struct scene *s)
{
    sl_buf_reset(&s->page);
    assert_int_equal(prometheus_write(s->x, &s->facts, &s->page), SL_OK);
    read_page(sl_buf_str(&s->page));
}

static void attempt(struct tel_worker *w, const char *model, unsigned outcome, int64_t cost_p)
{
    const uint64_t tokens[TOKEN_CLASS_COUNT] = {[TC_INPUT] = 10, [TC_OUTPUT] = 3};
    const uint64_t units[USAGE_UNIT_COUNT] = {[UU_IMAGES_OUT] = 4};
    tel_attempt_over(tel_target_get(w, SL_STR("openai"), sl_str_c(model)),
                     &(struct tel_attempt){.outcome = outcome,
                                           .duration_ns = 1500000000,
                                           .first_byte_ns = outcome == 0 ? 250000000 : -1,
                                           .cost_p = cost_p,
                                           .tokens = outcome == 0 ? tokens : NULL,
                                           .units = outcome == 0 ? units : NULL});
}

static void test_empty_page(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, 0);
    scrape(&s);
    assert_string_equal(value_of("sluice_connections_total", ""), "0");
    assert_string_equal(value_of("sluice_build_info", "version=\"0.1.0\",revision=\"abc\""), "1");
    assert_string_equal(value_of("sluice_start_time_seconds", ""), "1795000000.5");
    assert_string_equal(value_of("sluice_requests_total", "operation=\"chat\",status=\"2xx\""), "0");
    assert_string_equal(value_of("sluice_refused_total", "reason=\"key\""), "0");
    s.facts.n_workers = 0;
    scrape(&s);
    scene_done(&s);
}

static void test_sums_over_workers(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, 0);
    for (size_t i = 0; i < 3; i++) {
        tel_add(s.w[i], TEL_EVENTS, 100 + i);
        tel_request(s.w[i], TEL_OP_CHAT, 200, 250000000);
        tel_refuse(s.w[i], TEL_WHY_RATE);
    }
    tel_request(s.w[0], TEL_OP_CHAT, 503, 1);
    tel_request(s.w[0], TEL_OP_CHAT, 0, 1);
    tel_gauge_add(s.w[0], TEL_CONNECTIONS_OPEN, 5);
    tel_gauge_add(s.w[1], TEL_CONNECTIONS_OPEN, -2);
    tel_gauge_set(s.w[2], TEL_JOURNAL_LAG, 1250000000);
    tel_gauge_add(s.w[2], TEL_POOL_IDLE, -3);
    tel_observe(s.w[1], TEL_H_FIRST_TOKEN, 500000000);
    attempt(s.w[0], "gpt-4o", 0, 1500000000000);
    attempt(s.w[1], "gpt-4o", 0, 1);
    attempt(s.w[1], "gpt-4o", 1, 0);
    attempt(s.w[1], "gpt-4o", 40, 0); /* an outcome without a name */
    scrape(&s);
    assert_string_equal(value_of("sluice_stream_events_total", ""), "303");
    assert_string_equal(value_of("sluice_requests_total", "operation=\"chat\",status=\"2xx\""), "3");
    assert_string_equal(value_of("sluice_requests_total", "operation=\"chat\",status=\"5xx\""), "1");
    assert_string_equal(value_of("sluice_requests_total", "operation=\"chat\",status=\"gone\""), "1");
    assert_string_equal(value_of("sluice_refused_total", "reason=\"rate\""), "3");
    assert_string_equal(value_of("sluice_connections_open", ""), "3");
    assert_string_equal(value_of("sluice_upstream_connections_idle", ""), "-3");
    assert_string_equal(value_of("sluice_journal_lag_seconds", ""), "1.25");
    assert_string_equal(value_of("sluice_request_duration_seconds_bucket", "operation=\"chat\",le=\"0.2\""), "2");
    assert_string_equal(value_of("sluice_request_duration_seconds_bucket", "operation=\"chat\",le=\"0.5\""), "5");
    assert_string_equal(value_of("sluice_request_duration_seconds_bucket", "operation=\"chat\",le=\"0.0001\""), "2");
    assert_string_equal(value_of("sluice_request_duration_seconds_bucket", "operation=\"chat\",le=\"1000\""), "5");
    assert_string_equal(value_of("sluice_request_duration_seconds_sum", "operation=\"chat\""), "0.750000002");
    assert_string_equal(value_of("sluice_first_token_seconds_bucket", "le=\"0.5\""), "1");
    assert_string_equal(value_of("sluice_first_token_seconds_bucket", "le=\"0.2\""), "0");
    assert_string_equal(value_of("sluice_attempts_total", "provider=\"openai\",model=\"gpt-4o\",outcome=\"ok\""), "2");
    assert_string_equal(value_of("sluice_attempts_total", "provider=\"openai\",model=\"gpt-4o\",outcome=\"reset\""),
                        "1");
    assert_string_equal(value_of("sluice_attempts_total", "provider=\"openai\",model=\"gpt-4o\",outcome=\"unknown\""),
                        "1");
    assert_string_equal(value_of("sluice_tokens_total", "provider=\"openai\",model=\"gpt-4o\",class=\"input\""), "20");
    assert_string_equal(value_of("sluice_units_total", "provider=\"openai\",model=\"gpt-4o\",unit=\"images_out\""),
                        "8");
    assert_string_equal(value_of("sluice_units_total", "provider=\"openai\",model=\"gpt-4o\",unit=\"pages\""),
                        "absent");
    assert_string_equal(value_of("sluice_tokens_total", "provider=\"openai\",model=\"gpt-4o\",class=\"reasoning\""),
                        "absent");
    assert_string_equal(value_of("sluice_cost_usd_total", "provider=\"openai\",model=\"gpt-4o\""), "1.500000000001");
    assert_string_equal(value_of("sluice_attempt_duration_seconds_sum", "provider=\"openai\",model=\"gpt-4o\""), "6");
    assert_string_equal(value_of("sluice_attempt_duration_seconds_count", "provider=\"openai\",model=\"gpt-4o\""), "4");
    assert_string_equal(value_of("sluice_attempt_first_byte_seconds_count", "provider=\"openai\",model=\"gpt-4o\""),
                        "2");
    /* The same again: a page depends on the counts only. */
    struct sl_buf first = s.page;
    sl_buf_init(&s.page, 4u << 20);
    scrape(&s);
    assert_true(sl_str_eq(sl_buf_str(&first), sl_buf_str(&s.page)));
    sl_buf_done(&first);
    scene_done(&s);
}

static void test_labels_of_any_bytes(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, 0);
    attempt(s.w[0], "a\"b\\c\nd", 0, 0);
    attempt(s.w[0], "\r\x01\x7f\xff\xc0\x80 \xe2\x82\xac", 0, 0);
    attempt(s.w[0], "x\"} 1\nevil_total 7\n", 0, 0);
    scrape(&s);
    assert_string_equal(
        value_of("sluice_attempts_total", "provider=\"openai\",model=\"a\\\"b\\\\c\\nd\",outcome=\"ok\""), "1");
    assert_string_equal(
        value_of(
            "sluice_attempts_total",
            "provider=\"openai\",model=\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xe2\x82\xac\",outcome=\"ok\""),
        "1");
    assert_string_equal(value_of("evil_total", ""), "absent");
    scene_done(&s);
}

static size_t target_series(void)
{
    size_t n = 0;
    for (size_t i = 0; i < rd.n_samples; i++)
        n += sl_str_starts(rd.samples[i].labels, SL_STR("provider="));
    return n;
}

static uint64_t sum_of_family(const char *name)
{
    uint64_t sum = 0, v = 0;
    for (size_t i = 0; i < rd.n_samples; i++)
        if (sl_str_eq(rd.samples[i].name, sl_str_c(name)) && sl_str_to_u64(rd.samples[i].value, &v))
            sum += v;
    return sum;
}

/* 10,000 invented models over three workers: the series stay under the cap, nothing is lost from the sums, and no series
 * that was shown goes down or away. */
static void test_cardinality_cap(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, 300);
    char model[32], labels[80];
    attempt(s.w[2], "first", 0, 0);
    scrape(&s);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(model, sizeof model, "invented-%u", i);
        attempt(s.w[i % 3], model, i % 2, 0);
        if (i % 2500 == 7) {
            scrape(&s);
            assert_true(target_series() <= 300);
            assert_int_equal(sum_of_family("sluice_attempts_total"), i + 2);
        }
    }
    attempt(s.w[2], "first", 2, 0); /* a new series of an old target, when there is no room any more */
    attempt(s.w[2], "first", 0, 0);
    scrape(&s);
    assert_true(target_series() <= 300 && target_series() > 200);
    assert_int_equal(sum_of_family("sluice_attempts_total"), 10003);
    assert_int_equal(sum_of_family("sluice_tokens_total"), 13 * 5002);
    assert_int_equal(sum_of_family("sluice_attempt_duration_seconds_count"), 10003);
    assert_string_equal(value_of("sluice_attempts_total", "provider=\"openai\",model=\"first\",outcome=\"ok\""), "2");
    assert_string_equal(
        value_of("sluice_attempts_total", "provider=\"openai\",model=\"first\",outcome=\"rate_limited\""), "absent");
    assert_string_equal(
        value_of("sluice_attempts_total", "provider=\"other\",model=\"other\",outcome=\"rate_limited\""), "1");
    snprintf(labels, sizeof labels, "provider=\"openai\",model=\"%s\",outcome=\"ok\"", "invented-0");
    assert_string_equal(value_of("sluice_attempts_total", labels), "1");
    assert_true(strcmp(value_of("sluice_metrics_folded_total", ""), "0") != 0);
    scene_done(&s);
}

static void test_tiny_cap(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, 1);
    attempt(s.w[0], "a", 0, 5);
    attempt(s.w[1], "b", 0, 7);
    scrape(&s);
    assert_string_equal(value_of("sluice_cost_usd_total", "provider=\"other\",model=\"other\""), "0.000000000012");
    scene_done(&s);
}

static void test_odd_names_go_to_other(void **state)
{
    (void)state;
    struct tel_worker *w = tel_worker_new(0);
    char longest[201];
    memset(longest, 'a', sizeof longest);
    assert_ptr_equal(tel_target_get(w, SL_STR("p"), SL_STR("")), w->other);
    assert_ptr_equal(tel_target_get(w, SL_STR_NONE, SL_STR("m")), w->other);
    assert_ptr_equal(tel_target_get(w, SL_STR("p"), sl_str_of(longest, 201)), w->other);
    struct tel_target *t = tel_target_get(w, SL_STR("p"), sl_str_of(longest, 200));
    assert_ptr_not_equal(t, w->other);
    assert_ptr_equal(tel_target_get(w, SL_STR("p"), sl_str_of(longest, 200)), t);
    assert_int_equal(tel_read(&w->numbers[TEL_SERIES_FOLDED]), 3);
    assert_int_equal((uintptr_t)w % 64, 0);
    tel_worker_free(w);
    tel_worker_free(NULL);
    tel_export_free(NULL);
}

static void test_page_over_its_buffer(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, 0);
    sl_buf_done(&s.page);
    sl_buf_init(&s.page, 1000);
    assert_int_equal(prometheus_write(s.x, &s.facts, &s.page), SL_ELIMIT);
    assert_true(s.page.n <= 1000);
    scene_done(&s);
}

static void *count_a_lot(void *arg)
{
    struct tel_worker *w = arg;
    char model[32];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(model, sizeof model, "m%u", i / 200);
        attempt(w, model, 0, 1);
        tel_request(w, TEL_OP_CHAT, 200, (int64_t)i);
    }
    return NULL;
}

/* A reader beside two writers: the thread sanitizer has something to look at, and in the end all is there. */
static void test_read_while_counting(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, 0);
    pthread_t t[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, count_a_lot, s.w[i]), 0);
    for (unsigned i = 0; i < 10; i++) {
        sl_buf_reset(&s.page);
        assert_int_equal(prometheus_write(s.x, &s.facts, &s.page), SL_OK);
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    scrape(&s);
    assert_int_equal(sum_of_family("sluice_attempts_total"), 40000);
    assert_string_equal(value_of("sluice_requests_total", "operation=\"chat\",status=\"2xx\""), "40000");
    scene_done(&s);
}

static void test_status_classes(void **state)
{
    (void)state;
    assert_int_equal(tel_status_of(200), TEL_ST_2XX);
    assert_int_equal(tel_status_of(304), TEL_ST_3XX);
    assert_int_equal(tel_status_of(404), TEL_ST_4XX);
    assert_int_equal(tel_status_of(499), TEL_ST_GONE);
    assert_int_equal(tel_status_of(599), TEL_ST_5XX);
    assert_int_equal(tel_status_of(0), TEL_ST_GONE);
    assert_int_equal(tel_status_of(-1), TEL_ST_GONE);
    assert_int_equal(tel_status_of(100), TEL_ST_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_page),
        cmocka_unit_test(test_sums_over_workers),
        cmocka_unit_test(test_labels_of_any_bytes),
        cmocka_unit_test(test_cardinality_cap),
        cmocka_unit_test(test_tiny_cap),
        cmocka_unit_test(test_odd_names_go_to_other),
        cmocka_unit_test(test_page_over_its_buffer),
        cmocka_unit_test(test_read_while_counting),
        cmocka_unit_test(test_status_classes),
    };
    return cmocka_run_group_tests_name("telemetry/prometheus", tests, NULL, NULL);
}
