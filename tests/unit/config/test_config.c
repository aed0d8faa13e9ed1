/* The engine on a table of its own: places, all errors at once, bounds of the file itself, variables, secrets, and what is
 * made from the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <yyjson.h>

#include "base/clock.h"
#include "base/mem.h"
#include "values.h"

enum color {
    RED = 0,
    GREEN
};
struct leaf {
    struct sl_str name, to;
    uint32_t weight;
};
struct inner {
    int64_t wait_ns;
    uint64_t bytes;
    enum color color;
};
struct top {
    bool flag;
    uint32_t count;
    uint64_t large;
    struct inner inner;
    struct cfg_address address;
    struct cfg_url url;
    struct sl_str text, path;
    struct sl_secret secret;
    CFG_LIST_OF(struct sl_str) texts;
    CFG_LIST_OF(struct sl_secret) secrets;
    CFG_LIST_OF(struct leaf) leaves;
    CFG_LIST_OF(struct leaf) named;
};

static const struct cfg_word COLORS[] = {{"red", RED, "like blood"}, {"green", GREEN, NULL}, {NULL, 0, NULL}};
static const struct cfg_section INNER = {
    .settings = (const struct cfg_setting[]){
        {"wait", CFG_DURATION_AT(struct inner, wait_ns), .preset = "5s", .min = SL_MS, .max = 60 * SL_SEC,
         .flags = CFG_OFF, .text = "Waiting."},
        {"bytes", CFG_SIZE_AT(struct inner, bytes), .preset = "1KiB", .min = 16, .max = 1 << 20, .text = "Size."},
        {"color", CFG_ENUM_AT(struct inner, color, COLORS), .preset = "green", .text = "Color."},
        CFG_END}};
static const struct cfg_section LEAF = {
    .short_form = "to",
    .settings = (const struct cfg_setting[]){
        {"to", CFG_STRING_AT(struct leaf, to), .flags = CFG_REQUIRED, .text = "Where."},
        {"weight", CFG_INT_AT(struct leaf, weight), .preset = "1", .min = 1, .max = 9, .text = "Weight."},
        CFG_END}};

static const char *no_dots(struct sl_str name)
{
    return sl_str_find(name, '!') >= 0 ? "holds a '!'" : NULL;
}

static const struct cfg_section NAMED = {
    .name_offset = offsetof(struct leaf, name),
    .name_called = "leaf",
    .name_refused = no_dots,
    .short_form = "to",
    .settings = (const struct cfg_setting[]){
        {"to", CFG_STRING_AT(struct leaf, to), .flags = CFG_REQUIRED, .text = "Where."},
        {"weight", CFG_INT_AT(struct leaf, weight), .preset = "1", .min = 1, .max = 9, .text = "Weight."},
        CFG_END}};
static const struct cfg_section ROOT = {
    .settings = (const struct cfg_setting[]){
        {"flag", CFG_BOOL_AT(struct top, flag), .preset = "true", .text = "Flag."},
        {"count", CFG_INT_AT(struct top, count), .preset = "7", .min = 1, .max = 100, .text = "Count."},
        {"large", CFG_INT_AT(struct top, large), .text = "Large."},
        {"inner", CFG_SECTION_AT(struct top, inner, &INNER), .text = "Inner."},
        {"address", CFG_ADDRESS_AT(struct top, address), .preset = "127.0.0.1:1", .flags = CFG_OFF | CFG_RESTART,
         .text = "Address."},
        {"url", CFG_URL_AT(struct top, url), .text = "Url."},
        {"text", CFG_STRING_AT(struct top, text), .text = "Text."},
        {"path", CFG_PATH_AT(struct top, path), .text = "Path."},
        {"secret", CFG_SECRET_AT(struct top, secret), .text = "Secret."},
        {"texts", CFG_LIST_AT(struct top, texts, CFG_STRING), .preset = "a, b", .max = 4, .text = "Texts."},
        {"secrets", CFG_LIST_AT(struct top, secrets, CFG_SECRET), .text = "Secrets."},
        {"leaves", CFG_SECTIONS_AT(struct top, leaves, &LEAF), .max = 100000, .text = "Leaves."},
        {"named", CFG_MAP_AT(struct top, named, &NAMED), .text = "Named."},
        CFG_END}};

struct reading {
    struct cfg_report report;
    struct cfg *c;
    const struct top *t;
};

static struct reading read_with(struct sl_str text, const char *const *env, const char *folder)
{
    struct reading r;
    cfg_report_init(&r.report);
    r.c = cfg_read(
        &ROOT, sizeof(struct top),
        &(struct cfg_source){.name = "t.yaml", .text = text, .folder = folder, .env = env_of, .env_arg = (void *)env},
        &r.report);
    cfg_report_sort(&r.report);
    r.t = cfg_root(r.c);
    return r;
}

static struct reading read_text(const char *text)
{
    return read_with(sl_str_c(text), NULL, NULL);
}

static void reading_done(struct reading *r)
{
    cfg_free(r->c);
    cfg_report_done(&r->report);
}

static void expect_findings(const struct reading *r, const char *lines, const char *of)
{
    struct sl_buf b;
    const char *found = report_lines(&r->report, &b);
    if (strcmp(found, lines) != 0)
        fail_msg("\n--- of\n%s\n--- expected\n%s--- found\n%s", of, lines, found);
    sl_buf_done(&b);
}

static void expect(const char *text, const char *lines)
{
    struct reading r = read_text(text);
    expect_findings(&r, lines, text);
    reading_done(&r);
}

static void defaults(void **state)
{
    static const char *const NOTHING[] = {"", "---\n", "# a comment\n", "{}\n", "~\n", "inner:\nnamed:\ntexts:\n"};
    (void)state;
    for (size_t i = 0; i < sizeof NOTHING / sizeof *NOTHING; i++) {
        struct reading r = read_text(NOTHING[i]);
        expect_findings(&r, "", NOTHING[i]);
        assert_true(r.t->flag);
        assert_int_equal(r.t->count, 7);
        assert_int_equal(r.t->large, 0);
        assert_int_equal(r.t->inner.wait_ns, 5 * SL_SEC);
        assert_int_equal(r.t->inner.bytes, 1024);
        assert_int_equal(r.t->inner.color, GREEN);
        assert_int_equal(sl_addr_port(&r.t->address.addr), 1);
        assert_int_equal(r.t->texts.n, 2);
        assert_true(sl_str_eq(r.t->texts.v[1], SL_STR("b")));
        assert_int_equal(r.t->named.n, 0);
        assert_false(cfg_is_set(r.c, &r.t->count));
        reading_done(&r);
    }
}

static void values(void **state)
{
    (void)state;
    struct reading r = read_text("flag: false\n"
                                 "count: 100\n"
                                 "large: 18446744073709551615\n");
    assert_int_equal(r.report.n_errors, 1); /* more than 63 bits is refused */
    reading_done(&r);
    r = read_text("flag: false\n"
                  "count: \"100\"\n"
                  "large: 9223372036854775807\n"
                  "inner: {wait: off, bytes: 1MiB, color: red}\n"
                  "address: off\n"
                  "url: https://h/v1\n"
                  "text: 'null'\n"
                  "path: a/b\n"
                  "secret: ' s3cret '\n"
                  "texts: one\n"
                  "secrets: [x, y]\n"
                  "leaves: [a, {to: b, weight: 9}]\n"
                  "named:\n"
                  "  gpt-4.1: x\n"
                  "  b: {to: y}\n");
    assert_int_equal(r.report.n_errors, 0);
    assert_int_equal(r.report.n_warnings, 3);
    assert_false(r.t->flag);
    assert_int_equal(r.t->count, 100);
    assert_int_equal(r.t->large, INT64_MAX);
    assert_int_equal(r.t->inner.wait_ns, 0);
    assert_int_equal(r.t->inner.bytes, 1 << 20);
    assert_int_equal(r.t->inner.color, RED);
    assert_int_equal(r.t->address.text.n, 0);
    assert_true(sl_str_eq(r.t->url.host, SL_STR("h")));
    assert_true(sl_str_eq(r.t->text, SL_STR("null")));
    assert_true(sl_str_eq(r.t->path, SL_STR("a/b")));
    assert_true(sl_str_eq(sl_secret_expose(&r.t->secret), SL_STR("s3cret")));
    assert_int_equal(r.t->texts.n, 1);
    assert_true(sl_str_eq(sl_secret_expose(&r.t->secrets.v[1]), SL_STR("y")));
    assert_int_equal(r.t->leaves.n, 2);
    assert_true(sl_str_eq(r.t->leaves.v[0].to, SL_STR("a")));
    assert_int_equal(r.t->leaves.v[0].weight, 1);
    assert_int_equal(r.t->leaves.v[1].weight, 9);
    assert_int_equal(r.t->named.n, 2);
    assert_true(sl_str_eq(r.t->named.v[0].name, SL_STR("gpt-4.1")));
    assert_true(sl_str_eq(r.t->named.v[1].to, SL_STR("y")));
    assert_true(cfg_is_set(r.c, &r.t->inner.wait_ns));
    assert_false(cfg_is_set(r.c, &r.t->leaves.v[0].weight));
    reading_done(&r);
}

/* The text, and exactly what is said about it. */
static void bad_documents(void **state)
{
    static const char *const ROWS[][2] = {
        {"flg: true\n", "t.yaml:1:1: flg: unknown setting. Did you mean 'flag'?\n"},
        {"inner:\n  zzz: 1\n", "t.yaml:2:3: inner.zzz: unknown setting. Known here: wait, bytes, color\n"},
        {"flag: yes\n", "t.yaml:1:7: flag: expected true or false, not 'yes'\n"},
        {"flag: [true]\n", "t.yaml:1:1: flag: expected a single value, not a list or mapping\n"},
        {"count: 0\n", "t.yaml:1:8: count: out of bounds: allowed is 1 to 100, not '0'\n"},
        {"count: 101\n", "t.yaml:1:8: count: out of bounds: allowed is 1 to 100, not '101'\n"},
        {"count: -1\n", "t.yaml:1:8: count: out of bounds: allowed is 1 to 100, not '-1'\n"},
        {"count: 99999999999999999999\n",
         "t.yaml:1:8: count: out of bounds: allowed is 1 to 100, not '99999999999999999999'\n"},
        {"count: 0x10\n", "t.yaml:1:8: count: expected a whole number, not '0x10'\n"},
        {"count: 1.0\n", "t.yaml:1:8: count: expected a whole number, not '1.0'\n"},
        {"count: ''\n", "t.yaml:1:8: count: expected a whole number, not ''\n"},
        {"inner: {wait: 10}\n",
         "t.yaml:1:15: inner.wait: expected a duration with its unit, not '10'. Write 500ms, 10s, 5m, 1h\n"},
        {"inner: {wait: 2m}\n", "t.yaml:1:15: inner.wait: out of bounds: allowed is 1ms to 1m, or off, not '2m'\n"},
        {"inner: {bytes: 1k}\n",
         "t.yaml:1:16: inner.bytes: expected a size, not '1k'. Write bytes, or a number with KiB, MiB, GiB (1024) or KB, MB, "
         "GB (1000): 64MiB\n"},
        {"inner: {color: rde}\n", "t.yaml:1:16: inner.color: expected red or green, not 'rde'. Did you mean 'red'?\n"},
        {"inner: {color: RED}\n", "t.yaml:1:16: inner.color: expected red or green, not 'RED'. Did you mean 'red'?\n"},
        {"inner: 5\n",
         "t.yaml:1:8: inner: expected settings, one a line. Write 'name: value' lines below it, indented\n"},
        {"inner: [a]\n",
         "t.yaml:1:1: inner: expected settings, one a line. Write 'name: value' lines below it, indented\n"},
        {"address: here\n", "t.yaml:1:10: address: the port is missing, as in 127.0.0.1:8080\n"},
        {"address: 8080\n",
         "t.yaml:1:10: address: a port alone: write 127.0.0.1:PORT for this machine only, 0.0.0.0:PORT for all its IPv4 "
         "addresses\n"},
        {"url: h\n", "t.yaml:1:6: url: not an address that begins with https:// or http://\n"},
        {"text: \"a\\nb\"\n", "t.yaml:1:7: text: holds a control character or a line break. Write it in one line\n"},
        {"text: \"a\\0b\"\n", "t.yaml:1:7: text: holds a control character or a line break. Write it in one line\n"},
        {"secret: ''\n", "t.yaml:1:9: secret: the secret is empty. Set its variable or file, or remove the setting\n"},
        {"texts: [a, [b]]\n", "t.yaml:1:12: texts[1]: expected a single value, not a list or mapping\n"},
        {"texts: [a, ~]\n", "t.yaml:1:12: texts[1]: an item is empty. Remove the item, or its '-'\n"},
        {"texts: {a: b}\n",
         "t.yaml:1:1: texts: expected a list, not a mapping. Write [a, b], or one '- item' a line\n"},
        {"texts: [a, b, c, d, e]\n", "t.yaml:1:1: texts: 5 items; at most 4 are allowed\n"},
        {"leaves: [{weight: 3}]\n", "t.yaml:1:10: leaves[0]: 'to' is missing\n"},
        {"leaves:\n- to: a\n  weight: 10\n",
         "t.yaml:3:11: leaves[0].weight: out of bounds: allowed is 1 to 9, not '10'\n"},
        {"named: x\n",
         "t.yaml:1:8: named: expected one leaf a line, by name. Write NAME: and its settings below, indented\n"},
        {"named:\n  a!: x\n", "t.yaml:2:3: named.a!: the name of this leaf holds a '!'\n"},
        {"named:\n  a:\n", "t.yaml:2:3: named.a: 'to' is missing\n"},
        {"named:\n  \"\\e[31m\": x\n",
         "t.yaml:2:3: named.?[31m: the name of this leaf is empty or holds a control character\n"},
        {"named:\n  a: {to: 1}\n  a: {to: 2}\n",
         "t.yaml:3:3: 'a' stands here twice. The first one is in line 2; keep one of them\n"},
        {"- a\n", "t.yaml:1:1: expected settings, one a line. Write 'name: value' lines below it, indented\n"},
        {"hello\n", "t.yaml:1:1: expected settings, one a line. Write 'name: value' lines below it, indented\n"},
        {"flag:\n\ttrue\n", "t.yaml:2:1: a tab where the line is indented. Indent with spaces\n"},
        {"\xef\xbb\xbf"
         "flag: true\n",
         ""}, /* the mark that some editors put in front */
        {"\xef\xbb\xbf"
         "flag: true\nflog: 1\n",
         "t.yaml:2:1: flog: unknown setting. Did you mean 'flag'?\n"},
        {"flag: true\ntext: \"\xc3\xa9\x01\"\n", "t.yaml:2:9: a control character. Remove it; YAML is text\n"},
        {"flag: true\n---\nflag: true\n",
         "t.yaml:2:1: a second document begins here ('---'). One file holds one configuration\n"},
        {"flag: !!bool true\n",
         "t.yaml:1:7: a tag (!...) stands before the value. Remove it: every setting knows its type\n"},
        {"flag: *a\n",
         "t.yaml:1:7: an alias (*...) has no anchor (&...) before it. Define the anchor above, or put the value in quotes when "
         "the '*' is meant\n"},
        {"texts: &a [x, *a]\n",
         "t.yaml:1:15: an alias (*...) has no anchor (&...) before it. Define the anchor above, or put the value in quotes "
         "when the '*' is meant\n"},
        {"inner: &a {wait: 1s}\nnamed:\n  <<: *a\n",
         "t.yaml:3:3: merge keys ('<<') are not read. Repeat the settings, or use an alias for a whole value\n"},
        {"? [a]\n: b\n", "t.yaml:1:3: a list or mapping stands where a name is expected. Names are plain words\n"},
        {"flag: \"true\n",
         "t.yaml:2:1: while scanning a quoted scalar found unexpected end of stream. Check quotes, brackets "
         "and the indentation of this line and the one above\n"},
        {"flag: true\n  count: 1\n",
         "t.yaml:2:8: mapping values are not allowed in this context. Check quotes, brackets and "
         "the indentation of this line and the one above\n"},
        {"text: a\xff\n", "t.yaml:1:8: a byte that is not UTF-8. Save the file as UTF-8\n"},
        {"text: \xc3\xa4\n\xc3\xa4\xc3(\n", "t.yaml:2:2: a byte that is not UTF-8. Save the file as UTF-8\n"},
        {"text: ${A}\n",
         "t.yaml:1:7: text: the environment variable A is not set. Set it, or write ${A:-text} for a text to "
         "use without it\n"},
        {"text: ${A\n",
         "t.yaml:1:7: text: '${' is not followed by the name of an environment variable and '}'. Write ${NAME} "
         "or ${NAME:-text}; write $${ where '${' itself is meant\n"},
        {"secret: 'file:'\n", "t.yaml:1:9: secret: 'file:' is not followed by a path\n"},
        /* everything at once, by place */
        {"count: x\ntexts: {}\nflg: 1\ninner:\n  wait: z\n",
         "t.yaml:1:8: count: expected a whole number, not 'x'\n"
         "t.yaml:2:1: texts: expected a list, not a mapping. Write [a, b], or one '- item' a line\n"
         "t.yaml:3:1: flg: unknown setting. Did you mean 'flag'?\n"
         "t.yaml:5:9: inner.wait: expected a duration, not 'z'. Write 500ms, 10s, 5m, 1h\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        expect(ROWS[i][0], ROWS[i][1]);
}

/* A wrong value leaves the default in place, so that what is checked later does not complain about a zero. */
static void wrong_keeps_default(void **state)
{
    (void)state;
    struct reading r = read_text("count: 0\ninner: {bytes: x}\n");
    assert_int_equal(r.report.n_errors, 2);
    assert_int_equal(r.t->count, 7);
    assert_int_equal(r.t->inner.bytes, 1024);
    reading_done(&r);
}

static void repeated(struct sl_buf *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        sl_buf_adds(b, sl_str_c(text));
}

static void expect_one(struct sl_buf *b, const char *part)
{
    struct reading r = read_with(sl_buf_str(b), NULL, NULL);
    assert_int_equal(r.report.n_errors, 1);
    if (sl_str_find_str(r.report.findings[0].text, sl_str_c(part)) < 0)
        fail_msg("expected '%s', found '" SL_STR_FMT "'", part, SL_STR_ARG(r.report.findings[0].text));
    reading_done(&r);
    sl_buf_reset(b);
}

static void too_much(void **state)
{
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, 8u << 20);
    repeated(&b, "# xxxxxx\n", (4u << 20) / 9 + 1);
    expect_one(&b, "larger than 4 MiB");
    sl_buf_adds(&b, SL_STR("text: '"));
    repeated(&b, "${A:-}", 600000);
    sl_buf_adds(&b, SL_STR("'\n"));
    expect_one(&b, "longer than 64 KiB");
    repeated(&b, "[", 100000);
    expect_one(&b, "nested more than 32 deep");
    repeated(&b, "{a: ", 100000);
    expect_one(&b, "nested more than 32 deep");
    repeated(&b, "- ", 100000);
    expect_one(&b, "nested more than 32 deep");
    sl_buf_adds(&b, SL_STR("texts:\n"));
    repeated(&b, "- a\n", 200000);
    expect_one(&b, "more than 200000 values");
    /* 2,000 leaves by name, each an alias of ... of one list: 2,000 * 1,000 items by a file of 50 KiB */
    sl_buf_adds(&b, SL_STR("leaves: &l\n"));
    repeated(&b, "- x\n", 1000);
    sl_buf_adds(&b, SL_STR("named:\n"));
    for (unsigned i = 0; i < 2000; i++)
        sl_buf_addf(&b, "  n%u: {to: x, more: *l}\n", i);
    struct reading r = read_with(sl_buf_str(&b), NULL, NULL);
    assert_int_equal(r.report.n_errors, 2000); /* unknown, and not followed */
    assert_int_equal(r.report.n, CFG_FINDINGS_MAX);
    reading_done(&r);
    sl_buf_done(&b);
}

struct bomb_leaf {
    struct sl_str name;
    CFG_LIST_OF(struct sl_str) texts;
};
struct bomb {
    CFG_LIST_OF(struct bomb_leaf) named;
};

static const struct cfg_section BOMB_LEAF = {
    .name_called = "leaf",
    .name_offset = offsetof(struct bomb_leaf, name),
    .settings = (const struct cfg_setting[]){
        {"texts", CFG_LIST_AT(struct bomb_leaf, texts, CFG_STRING), .text = "Texts."}, CFG_END}};
static const struct cfg_section BOMB = {
    .settings =
        (const struct cfg_setting[]){{"named", CFG_MAP_AT(struct bomb, named, &BOMB_LEAF), .text = "Named."}, CFG_END}};

static void alias_bomb(void **state)
{
    struct sl_buf b;
    struct cfg_report report;
    (void)state;
    sl_buf_init(&b, 8u << 20);
    sl_buf_adds(&b, SL_STR("named:\n  n: {texts: &t ["));
    repeated(&b, "x,", 1000);
    sl_buf_adds(&b, SL_STR("x]}\n"));
    for (unsigned i = 0; i < 1000; i++)
        sl_buf_addf(&b, "  n%u: {texts: *t}\n", i);
    cfg_report_init(&report);
    struct cfg *c =
        cfg_read(&BOMB, sizeof(struct bomb), &(struct cfg_source){.name = "t", .text = sl_buf_str(&b)}, &report);
    assert_int_equal(report.n_errors, 1);
    assert_true(
        sl_str_starts(report.findings[0].text, SL_STR("more than 200000 values, counting what aliases repeat")));
    assert_false(cfg_is_whole(c));
    cfg_free(c);
    cfg_report_done(&report);
    sl_buf_done(&b);
}

static void aliases(void **state)
{
    (void)state;
    struct reading r = read_text("text: &t hello\n"
                                 "texts: [*t, *t]\n"
                                 "named:\n"
                                 "  a: &leaf {to: x, weight: 2}\n"
                                 "  b: *leaf\n"
                                 "leaves: [*leaf]\n");
    expect_findings(&r, "", "aliases");
    assert_true(sl_str_eq(r.t->texts.v[1], SL_STR("hello")));
    assert_int_equal(r.t->named.v[1].weight, 2);
    assert_int_equal(r.t->leaves.v[0].weight, 2);
    reading_done(&r);
}

static void many_errors(void **state)
{
    struct sl_buf b, lines;
    (void)state;
    sl_buf_init(&b, 1 << 20);
    for (unsigned i = 0; i < 150; i++)
        sl_buf_addf(&b, "wrong%u: 1\n", i);
    struct reading r = read_with(sl_buf_str(&b), NULL, NULL);
    assert_int_equal(r.report.n_errors, 150);
    assert_int_equal(r.report.n, CFG_FINDINGS_MAX);
    assert_non_null(strstr(report_lines(&r.report, &lines), "and 50 more errors\n"));
    reading_done(&r);
    sl_buf_done(&lines);
    sl_buf_done(&b);
}

static void variables(void **state)
{
    static const char *const ENV[] = {"A", "aa", "EMPTY",  "",     "YAML", "x: [1, 2]\n- y",
                                      "N", "42", "DOLLAR", "${A}", NULL};
    static const char *const ROWS[][2] = {
        {"${A}", "aa"},        {"x${A}y${A}", "xaayaa"}, {"${B:-d}", "d"},       {"${EMPTY:-d}", "d"}, {"${EMPTY}", ""},
        {"${A:-d}", "aa"},     {"$${A}", "${A}"},        {"$$${A}", "$${A}"},    {"$A", "$A"},         {"a$", "a$"},
        {"${DOLLAR}", "${A}"}, {"${B:-}", ""},           {"${B:-a:-b}", "a:-b"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[100];
        snprintf(text, sizeof text, "text: '%s'\n", ROWS[i][0]);
        struct reading r = read_with(sl_str_c(text), ENV, NULL);
        expect_findings(&r, "", text);
        if (!sl_str_eq(r.t->text, sl_str_c(ROWS[i][1])))
            fail_msg("%s gave " SL_STR_FMT, text, SL_STR_ARG(r.t->text));
        reading_done(&r);
    }
    struct reading r = read_with(SL_STR("count: ${N}\ntexts: ['${A}', b]\nsecret: ${A}\n"), ENV, NULL);
    expect_findings(&r, "", "variables");
    assert_int_equal(r.t->count, 42);
    assert_true(sl_str_eq(sl_secret_expose(&r.t->secret), SL_STR("aa")));
    reading_done(&r);
    r = read_with(SL_STR("text: ${YAML}\n"), ENV, NULL); /* stays one text, with a line break that is refused */
    assert_int_equal(r.report.n_errors, 1);
    assert_int_equal(r.t->count, 7);
    reading_done(&r);
    r = read_with(SL_STR("flag: ${N}\n"), ENV, NULL); /* what the variable holds is not shown */
    expect_findings(&r, "t.yaml:1:7: flag: expected true or false, not '${N}'\n", "flag");
    reading_done(&r);
}

static void overrides(void **state)
{
    static const char *const ENV[] = {"X_TEXTS", "p, q", "X_WAIT", "9s", "X_EMPTY", "", "X_PATH", "here", NULL};
    static const struct cfg_override O[] = {{"X_TEXTS", "texts"},  {"X_WAIT", "inner.wait"}, {"X_EMPTY", "text"},
                                            {"X_ABSENT", "count"}, {"X_PATH", "path"},       {NULL, NULL}};
    static const char *const FILES[] = {"", "texts: [a]\ninner: {wait: 1s, bytes: 2KiB}\ntext: t\npath: there\n",
                                        "named: {a: &i {to: x}}\ninner:\n"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct cfg_report report;
        cfg_report_init(&report);
        struct cfg *c = cfg_read(&ROOT, sizeof(struct top),
                                 &(struct cfg_source){.name = "t.yaml",
                                                      .text = sl_str_c(FILES[i]),
                                                      .folder = "/etc",
                                                      .env = env_of,
                                                      .env_arg = (void *)ENV,
                                                      .overrides = O},
                                 &report);
        const struct top *t = cfg_root(c);
        struct sl_buf lines;
        assert_string_equal(report_lines(&report, &lines), "");
        sl_buf_done(&lines);
        assert_int_equal(t->texts.n, 2);
        assert_true(sl_str_eq(t->texts.v[1], SL_STR("q")));
        assert_int_equal(t->inner.wait_ns, 9 * SL_SEC);
        assert_int_equal(t->inner.bytes, i == 1 ? 2048 : 1024);
        assert_int_equal(t->text.n, i == 1 ? 1 : 0);
        assert_true(sl_str_eq(t->path, SL_STR("here"))); /* not below the file's folder */
        cfg_free(c);
        cfg_report_done(&report);
    }
    static const char *const BAD[] = {"X_WAIT", "soon", NULL};
    struct cfg_report report;
    struct sl_buf b;
    cfg_report_init(&report);
    struct cfg *c = cfg_read(
        &ROOT, sizeof(struct top),
        &(struct cfg_source){.name = "t.yaml", .env = env_of, .env_arg = (void *)BAD, .overrides = O}, &report);
    assert_string_equal(report_lines(&report, &b),
                        "t.yaml: inner.wait: X_WAIT: expected a duration, not 'soon'. Write 500ms, 10s, 5m, 1h\n");
    sl_buf_done(&b);
    cfg_free(c);
    cfg_report_done(&report);
}

static void write_file(const char *path, const char *text, unsigned mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void secret_files(void **state)
{
    char folder[] = "/tmp/sluice-config-XXXXXX", path[100];
    struct sl_buf big;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    write_file(path, "  from-a-file \r\n\n", 0600);
    struct reading r = read_with(SL_STR("secret: file:key\npath: x/y\n"), NULL, folder);
    expect_findings(&r, "", "secret file");
    assert_true(sl_str_eq(sl_secret_expose(&r.t->secret), SL_STR("from-a-file")));
    assert_true(sl_str_starts(r.t->path, sl_str_c(folder)));
    reading_done(&r);
    write_file(path, "from-a-file", 0644);
    r = read_with(SL_STR("secret: file:key\n"), NULL, folder);
    expect_findings(
        &r,
        "t.yaml:1:9: warning: secret: everybody on this machine may read the file of this secret. Take the right "
        "away: chmod o-r\n",
        "secret file");
    reading_done(&r);
    write_file(path, "two\nlines", 0600);
    r = read_with(SL_STR("secret: file:key\n"), NULL, folder);
    expect_findings(
        &r,
        "t.yaml:1:9: secret: the secret holds a character that cannot be sent in a header. Look for a line break "
        "inside it, or quotes copied along\n",
        "secret file");
    reading_done(&r);
    sl_buf_init(&big, 1 << 20);
    repeated(&big, "x", CFG_SECRET_FILE_MAX + 1);
    sl_buf_addc(&big, 0);
    write_file(path, big.p, 0600);
    r = read_with(SL_STR("secret: file:key\n"), NULL, folder);
    assert_int_equal(r.report.n_errors, 1);
    assert_true(sl_str_find_str(r.report.findings[0].text, SL_STR("larger than 65536 bytes")) >= 0);
    reading_done(&r);
    r = read_with(SL_STR("secret: file:.\n"), NULL, folder);
    assert_int_equal(r.report.n_errors, 1);
    assert_true(sl_str_find_str(r.report.findings[0].text, SL_STR("it is a directory")) >= 0);
    reading_done(&r);
    sl_buf_done(&big);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

#define CANARY "c4n4ry-7f3a"

/* A secret, wherever it is written and whatever is wrong around it, is in no message, dump, explanation or comparison. */
static void canary(void **state)
{
    static const char *const ENV[] = {"KEY", CANARY, "BADKEY", CANARY "\x01", "NUMBER", CANARY, NULL};
    static const char *const TEXTS[] = {
        "secret: " CANARY "\n",
        "secret: ${KEY}\n",
        "secret: ${BADKEY}\n",
        "secret: \"" CANARY "\\x01\"\n",
        "secrets: [" CANARY ", ~]\n",
        "secrets: {a: " CANARY "}\n",
        "secret: [" CANARY "]\n",
        "secret: {x: " CANARY "}\n",
        "count: ${NUMBER}\n",
        "flag: ${KEY}\n",
        "inner: {wait: '${KEY}'}\n",
        "inner: {color: '${KEY}'}\n",
        "secret: 'file:${KEY}'\n",
        "inner: " CANARY "\n",
        "address: ${KEY}\n",
        "url: http://u:" CANARY "@h\n",
        "url: http://h/?key=" CANARY "\n",
        "secert: " CANARY "\n",
        "named: " CANARY "\n",
        "secret: &a " CANARY "\nsecrets: [*a]\n",
        "secret: " CANARY "\n\ttab\n",
        "secret: '" CANARY "\n",
        "inner: {wait: sk-" CANARY "}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        static const char *const PATHS[] = {"secret", "secrets", "url"};
        struct sl_buf all;
        struct sl_arena a;
        struct reading r = read_with(sl_str_c(TEXTS[i]), ENV, NULL), empty = read_text("");
        sl_buf_init(&all, 1 << 20);
        sl_arena_init(&a, NULL);
        cfg_report_text(&r.report, &all);
        cfg_report_json(&r.report, &all);
        cfg_dump_yaml(r.c, &all);
        cfg_dump_json(r.c, &all);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(cfg_explain(&ROOT, r.c, sl_str_c(PATHS[k]), &all, &a, NULL), SL_OK);
            assert_int_equal(cfg_explain_json(&ROOT, r.c, sl_str_c(PATHS[k]), &all, &a, NULL), SL_OK);
        }
        assert_false(all.over);
        if (sl_str_find_str(sl_buf_str(&all), SL_STR(CANARY)) >= 0)
            fail_msg("the secret of %s is shown in\n" SL_STR_FMT, TEXTS[i], SL_STR_ARG(sl_buf_str(&all)));
        sl_arena_done(&a);
        sl_buf_done(&all);
        reading_done(&r);
        reading_done(&empty);
    }
}

static const char FULL[] =
    "flag: false\ncount: 9\ninner: {wait: off, color: red}\naddress: '[::1]:9'\nurl: http://h:1/v1\n"
    "text: '$${x} \"q\" true'\npath: /p\ntexts: ['yes', '1', 'a b', '${E:-e}']\n"
    "leaves: [a, {to: b, weight: 3}]\nnamed: {gpt-4.1: x, 'a b': {to: 'null'}}\n";

/* What is dumped reads back to the same values, and is dumped the same again. */
static void dump_reads_back(void **state)
{
    struct sl_buf once, twice;
    (void)state;
    struct reading r = read_text(FULL);
    expect_findings(&r, "", FULL);
    sl_buf_init(&once, 1 << 20);
    sl_buf_init(&twice, 1 << 20);
    cfg_dump_yaml(r.c, &once);
    struct reading again = read_with(sl_buf_str(&once), NULL, NULL);
    expect_findings(&again, "", "dump");
    assert_int_equal(cfg_compare(r.c, again.c, NULL, NULL), 0);
    cfg_dump_yaml(again.c, &twice);
    assert_true(sl_str_eq(sl_buf_str(&once), sl_buf_str(&twice)));
    sl_buf_reset(&once);
    cfg_dump_json(r.c, &once);
    yyjson_doc *doc = yyjson_read(once.p, once.n, 0);
    assert_non_null(doc);
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(yyjson_doc_get_root(doc), "/texts/0")), "yes");
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(yyjson_doc_get_root(doc), "/named/gpt-4.1/to")), "x");
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(yyjson_doc_get_root(doc), "/leaves/1/weight")), 3);
    yyjson_doc_free(doc);
    sl_buf_done(&once);
    sl_buf_done(&twice);
    reading_done(&r);
    reading_done(&again);
}

static void on_change(void *arg, struct sl_str path, uint32_t flags)
{
    sl_buf_addf(arg, SL_STR_FMT "%s\n", SL_STR_ARG(path), (flags & CFG_RESTART) != 0 ? " (restart)" : "");
}

static void comparison(void **state)
{
    static const char *const ROWS[][3] = {
        {"", "count: 7\n", ""}, /* the default, written out */
        {"count: 1\n", "count: 2\n", "count\n"},
        {"", "address: off\n", "address (restart)\n"},
        {"secret: a\n", "secret: b\n", "secret\n"},
        {"secret: a\n", "secret: a\n", ""},
        {"secrets: [a, b]\n", "secrets: [a, c]\n", "secrets\n"},
        {"texts: [a]\n", "texts: [a, b]\n", "texts\n"},
        {"named: {a: x}\n", "named: {a: x, b: y}\n", "named.b\n"},
        {"named: {a: x, b: y}\n", "named: {b: y}\n", "named.a\n"},
        {"named: {a: {to: x, weight: 2}}\n", "named: {a: x}\n", "named.a.weight\n"},
        {"leaves: [a, b]\n", "leaves: [a, c]\n", "leaves[1].to\n"},
        {"leaves: [a]\n", "leaves: [a, c]\n", "leaves[1]\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct sl_buf b;
        struct reading x = read_text(ROWS[i][0]), y = read_text(ROWS[i][1]);
        sl_buf_init(&b, 10000);
        size_t n = cfg_compare(x.c, y.c, on_change, &b);
        sl_buf_addc(&b, 0);
        assert_string_equal(b.p, ROWS[i][2]);
        assert_int_equal(n, ROWS[i][2][0] != 0);
        sl_buf_done(&b);
        reading_done(&x);
        reading_done(&y);
    }
}

static void explanations(void **state)
{
    static const char *const GOOD[] = {
        "count",         "inner",         "inner.wait",   "named",           "named.*.weight", "named.gpt-4.1.to",
        "named.none.to", "named.gpt-4.1", "leaves[0].to", "leaves[].weight", "leaves[9].to",   "texts",
        "leaves"};
    static const char *const BAD[][2] = {{"cuont", "count"},
                                         {"inner.wiat", "inner.wait"},
                                         {"wait", "inner.wait"},
                                         {"weight", "leaves[].weight"},
                                         {"", ""},
                                         {"count.x", ""},
                                         {"qqqqqqqqqqqqqq", ""},
                                         {"inner.", ""},
                                         {".", ""}};
    struct reading r = read_text(FULL);
    struct sl_arena a;
    struct sl_buf b;
    (void)state;
    sl_arena_init(&a, NULL);
    sl_buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        sl_buf_reset(&b);
        if (cfg_explain(&ROOT, r.c, sl_str_c(GOOD[i]), &b, &a, NULL) != SL_OK)
            fail_msg("no explanation for %s", GOOD[i]);
        sl_buf_reset(&b);
        assert_int_equal(cfg_explain_json(&ROOT, i % 2 != 0 ? r.c : NULL, sl_str_c(GOOD[i]), &b, &a, NULL), SL_OK);
        yyjson_doc *doc = yyjson_read(b.p, b.n, 0);
        assert_non_null(doc);
        yyjson_doc_free(doc);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct sl_str nearest = SL_STR_NONE;
        assert_int_equal(cfg_explain(&ROOT, r.c, sl_str_c(BAD[i][0]), &b, &a, &nearest), SL_ENOENT);
        if (BAD[i][1][0] != 0 && !sl_str_eq(nearest, sl_str_c(BAD[i][1])))
            fail_msg("nearest to %s is '" SL_STR_FMT "'", BAD[i][0], SL_STR_ARG(nearest));
    }
    sl_buf_reset(&b);
    assert_int_equal(cfg_explain(&ROOT, r.c, SL_STR("inner.wait"), &b, &a, NULL), SL_OK);
    sl_buf_addc(&b, 0);
    assert_string_equal(b.p, "inner.wait\n"
                             "  Waiting.\n"
                             "\n"
                             "  type       duration | off\n"
                             "  default    5s\n"
                             "  bounds     1ms to 1m\n"
                             "  change     takes effect with a reload\n"
                             "  now        off (t.yaml:3:15)\n");
    sl_buf_done(&b);
    sl_arena_done(&a);
    reading_done(&r);
}

static void made_from_tables(void **state)
{
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, 1 << 20);
    cfg_schema_json(&ROOT, &b);
    yyjson_doc *doc = yyjson_read(b.p, b.n, 0);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "$schema")), "http://json-schema.org/draft-07/schema#");
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(root, "/properties/count/anyOf/0/maximum")), 100);
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(root, "/properties/count/default")), 7);
    assert_true(yyjson_is_false(yyjson_obj_get(root, "additionalProperties")));
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(root, "/properties/leaves/items/anyOf/1/required/0")), "to");
    yyjson_doc_free(doc);
    sl_buf_reset(&b);
    cfg_reference_md(&ROOT, &b);
    sl_buf_addc(&b, 0);
    assert_non_null(
        strstr(b.p, "#### `named.*.weight`\n\nnumber · 1 to 9 · default `1` · change: reload\n\nWeight.\n"));
    assert_non_null(strstr(b.p, "- `red`: like blood\n"));
    sl_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),        cmocka_unit_test(values),
        cmocka_unit_test(bad_documents),   cmocka_unit_test(wrong_keeps_default),
        cmocka_unit_test(too_much),        cmocka_unit_test(alias_bomb),
        cmocka_unit_test(aliases),         cmocka_unit_test(many_errors),
        cmocka_unit_test(variables),       cmocka_unit_test(overrides),
        cmocka_unit_test(secret_files),    cmocka_unit_test(canary),
        cmocka_unit_test(dump_reads_back), cmocka_unit_test(comparison),
        cmocka_unit_test(explanations),    cmocka_unit_test(made_from_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
