/* What all codecs share: the JSON tree and writer, base64, names, carriers, the collector, tables of models, notes, media, efforts. */
#include "dialect/json_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <yyjson.h>

#include "base/base64.h"
#include "dialect/caps.h"
#include "dialect/carrier.h"
#include "dialect/codec.h"
#include "dialect/collect.h"
#include "dialect/effort.h"
#include "dialect/json_write.h"
#include "dialect/json_mend.h"
#include "dialect/media.h"
#include "dialect/names.h"
#include "dialect/notes.h"
#include "dialect/terms.h"

static struct sl_arena arena;

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

#define assert_str(s, z) assert_string_equal(sl_arena_cstr(&arena, (s)), z)

static uint64_t seed = 0x9e3779b97f4a7c15u;
static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % n);
}

/* -- The tree ------------------------------------------------------------------------------------------------------------------ */

static void test_tree_members(void **state)
{
    (void)state;
    struct json_tree t;
    struct sl_str doc =
        SL_STR(" {\"a\" : 1.50, \"b\":[true,false,null,{\"c\":\"x\\ny\"}],\"\\u0061\":\"last\",\"\":{}, \"n\":null}");
    assert_true(json_tree_read(&t, doc, &arena));
    const struct json_node *root = json_root(&t);
    assert_int_equal(root->kind, JSON_OBJECT);
    assert_int_equal(root->children, 5);
    assert_str(json_inside_of(&t, json_get(&t, root, SL_STR("a"))), "last"); /* the last of two spellings */
    assert_str(json_raw_of(&t, json_child(root)), "1.50");
    const struct json_node *b = json_get(&t, root, SL_STR("b"));
    assert_int_equal(b->children, 4);
    assert_str(json_raw_of(&t, b), "[true,false,null,{\"c\":\"x\\ny\"}]");
    unsigned n = 0;
    enum json_kind kinds[4];
    for (JSON_EACH(&t, b, it))
        kinds[n++] = json_kind_of(it);
    assert_int_equal(n, 4);
    assert_true(kinds[0] == JSON_TRUE && kinds[1] == JSON_FALSE && kinds[2] == JSON_NULL && kinds[3] == JSON_OBJECT);
    const struct json_node *c =
        json_get(&t, json_sibling(&t, json_sibling(&t, json_sibling(&t, json_child(b)))), SL_STR("c"));
    assert_str(json_inside_of(&t, c), "x\\ny");
    assert_str(json_plain_of(&t, c, &arena), "x\ny");
    assert_true(json_get(&t, root, SL_STR("n")) != NULL && json_got(&t, root, SL_STR("n")) == NULL);
    assert_int_equal(json_get(&t, root, SL_STR(""))->children, 0);
    assert_null(json_get(&t, b, SL_STR("a")));
    assert_null(json_get(&t, NULL, SL_STR("a")));
    assert_int_equal(json_raw_of(&t, NULL).n, 0);
    assert_int_equal(json_kind_of(NULL), JSON_ABSENT);
}

static void test_tree_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "[1,]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "01",
                                      "1.",
                                      "\"\\x\"",
                                      "\"\t\"",
                                      "\"\xff\"",
                                      "{} {}",
                                      "nul",
                                      "[\"a\",\"b\"",
                                      "\"a",
                                      "{\"a\":1,}",
                                      "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct json_tree t;
        if (json_tree_read(&t, sl_str_c(bad[i]), &arena))
            fail_msg("taken: %s", bad[i]);
        assert_true(t.status != JSON_OK && t.n == 0 && json_root(&t) == NULL);
        assert_true(t.bad_at <= strlen(bad[i]));
    }
}

static void test_tree_depth(void **state)
{
    (void)state;
    char text[2 * (JSON_DEPTH_MAX + 1) + 1];
    for (unsigned depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        struct json_tree t;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        bool fine = json_tree_read(&t, sl_str_of(text, 2 * depth), &arena);
        assert_int_equal(fine, depth <= JSON_DEPTH_MAX);
        assert_int_equal(t.n, fine ? depth : 0);
    }
}

/* A random document; gives its end. */
static char *make_value(char *p, unsigned depth)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "-1.5e+3",
                                          "12345678901234567890",
                                          "\"\"",
                                          "\"a\\\"b\\\\\"",
                                          "\"\\ud83d\\ude00\\u00e9\"",
                                          "\"\xc3\xa9\xe2\x82\xac\"",
                                          " \"x\" "};
    uint32_t kind = depth == 0 ? 0 : below(4);
    if (kind < 2)
        return p + snprintf(p, 64, "%s", scalars[below(sizeof scalars / sizeof scalars[0])]);
    unsigned n = below(5);
    *p++ = kind == 2 ? '[' : '{';
    for (unsigned i = 0; i < n; i++) {
        p += snprintf(p, 64, "%s", i > 0 ? ", " : below(2) ? "\n" : "");
        if (kind == 3)
            p += snprintf(p, 64, below(2) ? "\"k%u\":" : "\"\\u006b%u\" : ", i);
        p = make_value(p, depth - 1);
    }
    *p++ = kind == 2 ? ']' : '}';
    return p;
}

/* The values of the tree, written one behind the other, against another parser's. */
static void walk(const struct json_tree *t, const struct json_node *node, yyjson_val *other)
{
    yyjson_arr_iter items = yyjson_arr_iter_with(other);
    yyjson_obj_iter members = yyjson_obj_iter_with(other);
    switch (json_kind_of(node)) {
    case JSON_ARRAY:
        assert_int_equal(node->children, yyjson_arr_size(other));
        for (JSON_EACH(t, node, it))
            walk(t, it, yyjson_arr_iter_next(&items));
        break;
    case JSON_OBJECT:
        assert_int_equal(node->children, yyjson_obj_size(other));
        for (JSON_EACH(t, node, it)) {
            yyjson_val *key = yyjson_obj_iter_next(&members);
            assert_true(json_key_is(t, it, sl_str_c(yyjson_get_str(key))));
            walk(t, it, yyjson_obj_iter_get_val(key));
        }
        break;
    case JSON_STRING:
        assert_true(sl_str_eq(json_plain_of(t, node, &arena), sl_str_of(yyjson_get_str(other), yyjson_get_len(other))));
        break;
    case JSON_NUMBER:
        assert_true(yyjson_is_num(other));
        assert_true(strtod(sl_arena_cstr(&arena, json_raw_of(t, node)), NULL) == yyjson_get_num(other));
        break;
    default:
        assert_int_equal(json_kind_of(node) == JSON_TRUE, yyjson_is_true(other));
        assert_int_equal(json_kind_of(node) == JSON_NULL, yyjson_is_null(other));
    }
}

static void test_tree_random(void **state)
{
    (void)state;
    char *text = malloc(1u << 20);
    for (int round = 0; round < 2000; round++) {
        struct json_tree t;
        size_t n = (size_t)(make_value(text, 6) - text);
        yyjson_doc *doc = yyjson_read(text, n, 0);
        assert_non_null(doc);
        assert_true(json_tree_read(&t, sl_str_of(text, n), &arena));
        walk(&t, json_root(&t), yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }
    free(text);
}

/* Many small values: the nodes grow, and time with the bytes. */
static void test_tree_large(void **state)
{
    (void)state;
    struct json_tree t;
    size_t n = 400000;
    char *text = malloc(2 * n + 2);
    text[0] = '[';
    for (size_t i = 0; i < n; i++)
        memcpy(text + 1 + 2 * i, "1,", 2);
    text[2 * n] = ']';
    assert_true(json_tree_read(&t, sl_str_of(text, 2 * n + 1), &arena));
    assert_int_equal(t.n, n + 1);
    assert_int_equal(json_root(&t)->children, n);
    free(text);
}

static void test_texts(void **state)
{
    (void)state;
    assert_str(json_plain(SL_STR("plain"), &arena), "plain");
    assert_str(json_plain(SL_STR("a\\/b\\u00e9\\ud83d\\ude00"), &arena), "a/b\xc3\xa9\xf0\x9f\x98\x80");
    assert_str(json_plain(SL_STR("a\\ud83d b"), &arena), "a\xef\xbf\xbd b"); /* a lone surrogate */
    assert_str(json_plain(SL_STR("\\ude00\\ud83d\\n"), &arena), "\xef\xbf\xbd\xef\xbf\xbd\n");
    assert_str(json_escape(SL_STR("a\"b\\c\n\x01"), &arena), "a\\\"b\\\\c\\n\\u0001");
    assert_str(json_escape(SL_STR("a\xff\xc3"), &arena), "a\xef\xbf\xbd\xef\xbf\xbd");
    struct sl_str as_it_is = SL_STR("\xc3\xa9t\xc3\xa9");
    assert_ptr_equal(json_escape(as_it_is, &arena).p, as_it_is.p);
    assert_str(json_ident(SL_STR("\\u0061\\/\\\""), &arena), "a/\\\"");
    assert_true(json_is(SL_STR(" {\"a\":1} "), JSON_OBJECT));
    assert_false(json_is(SL_STR("{\"a\":1"), JSON_OBJECT));
    assert_false(json_is(SL_STR("[]"), JSON_OBJECT));
    assert_false(json_is(SL_STR(""), JSON_NULL));
    for (int round = 0; round < 20000; round++) { /* escaping and back gives the same */
        char text[24];
        size_t n = below(sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = below(3) > 0 ? (char)below(128) : "\"\\/\n\t"[below(5)];
        struct sl_str s = sl_str_of(text, n);
        assert_true(sl_str_eq(json_plain(json_escape(s, &arena), &arena), s));
    }
}

/* -- The writer -------------------------------------------------------------------------------------------------------------------- */

static void test_writer(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    struct json_writer w = json_writer_on(&b);
    jw_open(&w, '{');
    jw_member_inside(&w, SL_STR("a"), SL_STR("x\\n"));
    jw_member_plain(&w, SL_STR("b"), SL_STR("x\n\"\xff"));
    jw_maybe_raw(&w, SL_STR("none"), SL_STR_NONE);
    jw_maybe_inside(&w, SL_STR("none"), SL_STR_NONE);
    jw_key(&w, SL_STR("c"));
    jw_open(&w, '[');
    jw_u64(&w, UINT64_MAX);
    jw_i64(&w, INT64_MIN);
    jw_bool(&w, true);
    jw_null(&w);
    jw_open(&w, '{');
    jw_close(&w, '}');
    jw_raw(&w, SL_STR("1.50"));
    jw_string(&w);
    jw_piece_inside(&w, SL_STR("\\t"));
    jw_piece_plain(&w, SL_STR("\t"));
    jw_string_end(&w);
    jw_close(&w, ']');
    jw_member_null(&w, SL_STR("d"));
    jw_key_inside(&w, SL_STR("\\u0065"));
    jw_plain(&w, SL_STR(""));
    jw_close(&w, '}');
    assert_str(sl_buf_str(&b), "{\"a\":\"x\\n\",\"b\":\"x\\n\\\"\xef\xbf\xbd\",\"c\":[18446744073709551615,"
                               "-9223372036854775808,true,null,{},1.50,\"\\t\\t\"],\"d\":null,\"\\u0065\":\"\"}");
    sl_buf_done(&b);
    sl_buf_init(&b, 8); /* a limit is remembered, not passed */
    w = json_writer_on(&b);
    jw_plain(&w, SL_STR("longer than eight"));
    assert_true(b.over && b.n <= 8);
    sl_buf_done(&b);
}

/* -- base64 ------------------------------------------------------------------------------------------------------------------------ */

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *coded;
    } rows[] = {{"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"}}; /* RFC 4648 section 10 */
    char out[64];
    size_t n;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        n = sl_base64_encode(sl_str_c(rows[i].plain), out);
        assert_str(sl_str_of(out, n), rows[i].coded);
        assert_true(sl_base64_decode(sl_str_c(rows[i].coded), out, &n));
        assert_str(sl_str_of(out, n), rows[i].plain);
    }
    n = sl_base64url_encode(SL_STR("\xfb\xff\xfe"), out);
    assert_str(sl_str_of(out, n), "-__-");
    assert_true(sl_base64_decode(SL_STR("-__-"), out, &n) && n == 3);
    assert_true(sl_base64_decode(SL_STR("Zm 9v\r\nYg"), out, &n) && n == 4);
    static const char *const bad[] = {"Z", "Zm9v!", "Zg==Zg", "Zm9vZ", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(sl_base64_decode(sl_str_c(bad[i]), out, &n));
    for (int round = 0; round < 5000; round++) {
        char bytes[40], coded[64], back[64];
        size_t length = below(sizeof bytes);
        for (size_t i = 0; i < length; i++)
            bytes[i] = (char)below(256);
        size_t coded_n = below(2) ? sl_base64_encode(sl_str_of(bytes, length), coded)
                                  : sl_base64url_encode(sl_str_of(bytes, length), coded);
        assert_true(coded_n <= SL_BASE64_BYTES(length));
        assert_true(sl_base64_decode(sl_str_of(coded, coded_n), back, &n));
        assert_true(sl_str_eq(sl_str_of(back, n), sl_str_of(bytes, length)));
    }
}

/* -- Names ------------------------------------------------------------------------------------------------------------------------- */

static const struct names_rule *const rules[] = {&names_openai,  &names_anthropic, &names_gemini, &ids_openai,
                                                 &ids_anthropic, &ids_gemini,      &ids_converse, &ids_mistral};

static bool is_legal(const struct names_rule *rule, struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && strchr(rule->others, c) == NULL)
            return false;
    }
    bool letter = s.n > 0 && (s.p[0] == '_' || (sl_lower(s.p[0]) >= 'a' && sl_lower(s.p[0]) <= 'z'));
    return s.n > 0 && s.n <= rule->max && (!rule->exact || s.n == rule->max) && (!rule->letter_first || letter);
}

static void test_names_fit(void **state)
{
    (void)state;
    struct sl_str same = SL_STR("get_weather-2");
    assert_ptr_equal(names_fit(&names_openai, same, &arena).p, same.p);
    for (int round = 0; round < 5000; round++) {
        char text[200];
        size_t n = below(sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = below(8) > 0 ? (char)('a' + below(26)) : (char)(32 + below(95));
        const struct names_rule *rule = rules[below(sizeof rules / sizeof rules[0])];
        struct sl_str fitted = names_fit(rule, sl_str_of(text, n), &arena);
        assert_true(is_legal(rule, fitted));
        assert_true(sl_str_eq(names_fit(rule, sl_str_of(text, n), &arena), fitted)); /* in every turn the same */
        assert_true(sl_str_eq(names_fit(rule, fitted, &arena), fitted));
    }
    assert_false(
        sl_str_eq(names_fit(&names_openai, SL_STR("a.b"), &arena), names_fit(&names_openai, SL_STR("a b"), &arena)));
}

static void test_names_map(void **state)
{
    (void)state;
    struct names_map m = {.first = NULL};
    struct sl_str originals[300], changed[300];
    for (unsigned i = 0; i < 300; i++) {
        originals[i] = sl_arena_printf(&arena, i % 3 == 0 ? "tool_%u" : "tool.%u", i);
        changed[i] = names_out(&m, &names_openai, originals[i], &arena);
        assert_int_equal(changed[i].p == originals[i].p, i % 3 == 0);
    }
    for (unsigned i = 0; i < 300; i++) {
        assert_true(sl_str_eq(names_back(&m, changed[i]), originals[i]));
        assert_true(sl_str_eq(names_out(&m, &names_openai, originals[i], &arena), changed[i]));
    }
    assert_str(names_back(&m, SL_STR("unknown")), "unknown");
    assert_int_equal(m.n, 200);
}

/* -- Carriers ---------------------------------------------------------------------------------------------------------------------- */

static void test_carrier(void **state)
{
    (void)state;
    static const enum carrier_vendor vendors[] = {CARRIER_ANTHROPIC, CARRIER_ANTHROPIC_REDACTED, CARRIER_OPENAI,
                                                  CARRIER_GOOGLE, CARRIER_OTHER};
    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++) {
        struct sl_str text = carrier_pack(&arena, vendors[i], SL_STR("gpt-5"), SL_STR("rs_1\n\xff+/="));
        assert_true(json_is(sl_arena_printf(&arena, "\"" SL_STR_FMT "\"", SL_STR_ARG(text)), JSON_STRING));
        struct carrier c = carrier_unpack(&arena, text);
        struct sl_str body = sl_arena_printf(&arena, "{\"signature\":\"" SL_STR_FMT "\"}", SL_STR_ARG(text));
        assert_true(carrier_is_in(body));
        body = sl_arena_printf(&arena, "{\"text\":\"of " SL_STR_FMT "\"}", SL_STR_ARG(text));
        assert_false(carrier_is_in(body));
        assert_int_equal(c.vendor, vendors[i]);
        assert_str(c.family, "gpt-5");
        assert_true(sl_str_eq(c.payload, SL_STR("rs_1\n\xff+/=")));
    }
    static const char *const foreign[] = {"",
                                          "EqQBCkYIBBgC",
                                          "slc1.",
                                          "slc1.ant",
                                          "slc1.ant.claude",
                                          "slc1.xyz.claude.QUJD",
                                          "slc1.ant.claude.!!",
                                          "slc2.ant.claude.QUJD"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        struct carrier c = carrier_unpack(&arena, sl_str_c(foreign[i]));
        if (c.vendor != CARRIER_NONE || !sl_str_eq(c.payload, sl_str_c(foreign[i])))
            fail_msg("a carrier: %s", foreign[i]);
    }
    assert_str(carrier_family(SL_STR("claude-opus-4-6")), "claude");
    assert_str(carrier_family(SL_STR("anthropic/claude-sonnet-5")), "claude");
    assert_str(carrier_family(SL_STR("gpt-5.2-mini")), "gpt-5");
    assert_str(carrier_family(SL_STR("gemini-3.1-pro")), "gemini-3");
    assert_str(carrier_family(SL_STR("kimi-k3")), "kimi-k3");
    assert_str(carrier_family(SL_STR("")), "");
}

/* -- The collector ----------------------------------------------------------------------------------------------------------------- */

static void put(const struct neutral_sink *to, enum neutral_event_kind kind, uint32_t block, uint32_t call,
                struct sl_str text)
{
    struct neutral_event e = {.kind = kind, .block = block, .call = call, .text = text};
    e.id = kind == NE_CALL_BEGIN ? SL_STR("id") : SL_STR_NONE;
    e.name = kind == NE_CALL_BEGIN ? SL_STR("f") : SL_STR_NONE;
    neutral_put(to, &e);
}

static void fill(struct neutral_collector *c)
{
    const struct neutral_sink to = neutral_collector_sink(c);
    const struct neutral_event start = {.kind = NE_START, .id = SL_STR("i"), .model = SL_STR("m")};
    neutral_put(&to, &start);
    put(&to, NE_REASONING, 0, 0, SL_STR("H"));
    put(&to, NE_REASONING, 0, 0, SL_STR("m"));
    put(&to, NE_SIGNATURE, 0, 0, SL_STR("s"));
    put(&to, NE_REDACTED, 1, 0, SL_STR("d"));
    put(&to, NE_TEXT, 2, 0, SL_STR("a\\n"));
    put(&to, NE_TEXT, 2, 0, SL_STR("b"));
    put(&to, NE_CALL_BEGIN, 3, 0, SL_STR_NONE);
    put(&to, NE_CALL_BEGIN, 4, 1, SL_STR_NONE);
    put(&to, NE_CALL_ARGS, 4, 1, SL_STR("{\\\"y\\\""));
    put(&to, NE_CALL_ARGS, 3, 0, SL_STR("{}"));
    put(&to, NE_CALL_ARGS, 4, 1, SL_STR(":2}"));
    put(&to, NE_CALL_ARGS, 9, 77, SL_STR("lost"));
    put(&to, NE_TEXT, 5, 0, SL_STR("c"));
    const struct neutral_event usage = {.kind = NE_USAGE, .usage = {.found = true, .prompt = 3, .completion = 4}};
    neutral_put(&to, &usage);
    const struct neutral_event finish = {.kind = NE_FINISH, .finish = FINISH_TOOL_CALLS};
    neutral_put(&to, &finish);
}

static void check_collected(const struct neutral_answer *answer)
{
    assert_int_equal(answer->n_choices, 1);
    assert_str(answer->id, "i");
    assert_int_equal(answer->usage.prompt, 3);
    const struct neutral_answer_choice *choice = &answer->choices[0];
    assert_int_equal(choice->finish, FINISH_TOOL_CALLS);
    const struct neutral_part *p = choice->parts;
    assert_int_equal(p->kind, NP_REASONING);
    assert_str(p->text, "Hm");
    assert_str(p->signature, "s");
    p = p->next;
    assert_int_equal(p->kind, NP_REASONING);
    assert_str(p->encrypted, "d");
    p = p->next;
    assert_int_equal(p->kind, NP_TEXT);
    assert_str(p->text, "a\\nb");
    p = p->next;
    assert_int_equal(p->kind, NP_TOOL_CALL);
    assert_str(p->arguments, "{}");
    p = p->next;
    assert_str(p->arguments, "{\"y\":2}");
    p = p->next;
    assert_str(p->text, "c");
    assert_null(p->next);
}

static void test_collector(void **state)
{
    (void)state;
    struct neutral_collector *c = neutral_collector_new(&arena);
    fill(c);
    check_collected(neutral_collected(c));
    check_collected(neutral_collected(c)); /* looking twice changes nothing */
    struct neutral_collector *again = neutral_collector_new(&arena);
    const struct neutral_sink to = neutral_collector_sink(again);
    neutral_replay(neutral_collected(c), &arena, &to); /* the answer as events is the answer */
    check_collected(neutral_collected(again));
}

static void test_collector_choices(void **state)
{
    (void)state;
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink to = neutral_collector_sink(c);
    static const uint32_t choices[] = {0, 5, 127, 128, UINT32_MAX};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        const struct neutral_event e = {.kind = NE_TEXT, .choice = choices[i], .text = SL_STR("t")};
        neutral_put(&to, &e);
        const struct neutral_event logprobs = {.kind = NE_LOGPROBS, .choice = choices[i], .raw = SL_STR("[{}]")};
        neutral_put(&to, &logprobs);
        neutral_put(&to, &logprobs);
    }
    const struct neutral_answer *answer = neutral_collected(c);
    assert_int_equal(answer->n_choices, 128);
    assert_str(answer->choices[5].parts->text, "t");
    assert_str(answer->choices[127].logprobs, "{},{}");
    assert_null(answer->choices[6].parts);
}

/* -- Tables of models ---------------------------------------------------------------------------------------------------------------- */

static void test_caps(void **state)
{
    (void)state;
    const struct model_caps *rows = openai_chat_codec.caps;
    static const struct {
        const char *model, *pattern;
    } cases[] = {
        {"gpt-4o", "gpt-4o*"},
        {"GPT-4o-mini", "gpt-4o*"},
        {"gpt-4", "gpt-4"},
        {"gpt-5.2-pro-2025", "gpt-5.2-pro*"},
        {"openai/gpt-5.2", "gpt-5.2*"},
        {"us.deepseek.deepseek-v4-pro", "deepseek-v4*"},
        {"accounts/fireworks/models/glm-5p3", "glm-5p3*"},
        {"somebody/llama-3", "*"},
        {"", "*"},
        {".", "*"},
        {"o3-mini", "o3-mini*"},
        {"gpt-99", "gpt-*"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct model_caps *found = caps_find(rows, sl_str_c(cases[i].model));
        assert_non_null(found);
        if (!sl_str_eq(found->pattern, sl_str_c(cases[i].pattern)))
            fail_msg("%s: " SL_STR_FMT, cases[i].model, SL_STR_ARG(found->pattern));
    }
    static const struct model_caps stars[] = {{.pattern = SL_STR_INIT("*")},
                                              {.pattern = SL_STR_INIT("a-*-tts*")},
                                              {.pattern = SL_STR_INIT("a-*")},
                                              {.pattern = SL_STR_INIT("*a*a*a*a*b")},
                                              {.pattern = SL_STR_INIT("")}};
    assert_str(caps_find(stars, SL_STR("a-1-TTS-2"))->pattern, "a-*-tts*");
    assert_str(caps_find(stars, SL_STR("a-1-tt"))->pattern, "a-*");
    assert_str(caps_find(stars, SL_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"))->pattern, "*");
    static const struct dialect_codec *const codecs[] = {&openai_chat_codec, &openai_responses_codec, &anthropic_codec,
                                                         &gemini_codec};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        assert_non_null(caps_find(codecs[i]->caps, SL_STR("a-model-of-tomorrow")));
        for (const struct model_caps *c = codecs[i]->caps; c->pattern.n > 0; c++) {
            assert_true(c->thinking != THINK_EFFORT || c->efforts != 0);
            for (const struct model_caps *d = c + 1; d->pattern.n > 0; d++)
                assert_false(sl_str_eq_nocase(c->pattern, d->pattern));
        }
    }
}

/* -- Notes --------------------------------------------------------------------------------------------------------------------------- */

static void test_notes(void **state)
{
    (void)state;
    struct neutral_notes notes = {.a = &arena};
    assert_int_equal(neutral_notes_text(&notes, &arena, 100).n, 0);
    neutral_note(&notes, "", SL_STR("seed"));
    neutral_note(&notes, "", SL_STR("seed"));
    neutral_note(&notes, "clamped", SL_STR("temperature"));
    neutral_notef(&notes, "", "messages[%u].content[%u]", 3, 1);
    neutral_note(&notes, "", SL_STR("a,b;c\r\nx: \xff"));
    assert_int_equal(notes.n, 4);
    assert_str(neutral_notes_text(&notes, &arena, 200),
               "seed, temperature;clamped, messages[3].content[1], a?b?c??x:??");
    assert_str(neutral_notes_text(&notes, &arena, 40), "seed, temperature;clamped, ...");
    assert_int_equal(neutral_notes_text(&notes, &arena, 5).n, 0);
    for (unsigned i = 0; i < 1000; i++)
        neutral_notef(&notes, "", "member_%u", i);
    struct sl_str text = neutral_notes_text(&notes, &arena, 4096);
    assert_true(text.n <= 4096 && sl_str_ends(text, SL_STR(", ...")));
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        enum on_unsupported level;
        bool harmful, refused;
    } rows[] = {{UNSUPPORTED_REPORT, false, false}, {UNSUPPORTED_REPORT, true, true}, {UNSUPPORTED_REJECT, false, true},
                {UNSUPPORTED_REJECT, true, true},   {UNSUPPORTED_DROP, false, false}, {UNSUPPORTED_DROP, true, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct neutral_notes notes = {.a = &arena};
        struct request_refusal refusal = {.error = {.error = GE_NONE}};
        struct translation t = {.a = &arena, .notes = &notes, .unsupported = rows[i].level, .up_model = SL_STR("m")};
        assert_int_equal(translation_refuses(&t, rows[i].harmful, SL_STR("n"), "", &refusal), rows[i].refused);
        assert_int_equal(refusal.error.error == GE_UNSUPPORTED, rows[i].refused);
        assert_int_equal(notes.n, !rows[i].refused);
    }
}

static void test_terms(void **state)
{
    (void)state;
    struct neutral_request req = {.from = dialect_find(SL_STR("gemini"))};
    const struct neutral_message m = {.index = 3}, system = {.role = NR_SYSTEM, .index = NEUTRAL_APART};
    const struct neutral_part second = {.at = 2}, nested = {.at = 2, .inner = 1},
                              call = {.kind = NP_TOOL_CALL, .at = 2}, item = {.item = 6, .at = 2},
                              output = {.item = 6, .inner = 2};
    const struct neutral_tool tool = {.index = 2}, inner = {.index = 2, .inner = 1},
                              apart = {.list = SL_STR("web_search_options"), .index = NEUTRAL_APART};
    assert_str(term_of(&req, TERM_MAX_OUTPUT), "generationConfig.maxOutputTokens");
    assert_str(term_part(&req, &m, &second, &arena), "contents[3].parts[1]");
    assert_str(term_part(&req, &m, &call, &arena), "contents[3].parts[1]");
    assert_str(term_part(&req, &m, &nested, &arena), "contents[3].parts[1].functionResponse.parts[0]");
    assert_str(term_part(&req, &system, &second, &arena), "systemInstruction.parts[1]");
    assert_str(term_tool(&req, &inner, &arena), "tools[2].functionDeclarations[0]");
    req.from = dialect_find(SL_STR("anthropic"));
    assert_str(term_of(&req, TERM_STOP), "stop_sequences");
    assert_str(term_message(&req, &m, &arena), "messages[3]");
    assert_str(term_part(&req, &m, NULL, &arena), "messages[3]");
    assert_str(term_part(&req, &m, &nested, &arena), "messages[3].content[1].content[0]");
    assert_str(term_part(&req, &system, &second, &arena), "system[1]");
    assert_str(term_message(&req, &system, &arena), "system");
    req.from = dialect_find(SL_STR("openai-responses"));
    assert_str(term_part(&req, &m, &second, &arena), "input[3].content[1]");
    assert_str(term_part(&req, &m, &item, &arena), "input[5].content[1]");
    assert_str(term_part(&req, &m, &output, &arena), "input[5].output[1]");
    assert_str(term_message(&req, &system, &arena), "instructions");
    assert_str(term_tool(&req, &inner, &arena), "tools[2].tools[0]");
    req.from = NULL;
    assert_str(term_of(&req, TERM_SEED), "seed");
    assert_str(term_part(&req, &m, &call, &arena), "messages[3].tool_calls[1]");
    assert_str(term_tool(&req, &tool, &arena), "tools[2]");
    assert_str(term_tool(&req, &apart, &arena), "web_search_options");
}

/* -- Media --------------------------------------------------------------------------------------------------------------------------- */

static void test_media_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url; /* inside */
        bool fine;
        enum neutral_source source;
        const char *mime, *data;
    } rows[] = {
        {"https://x/y.png", true, NS_URL, "", "https://x/y.png"},
        {"gs://b/o", true, NS_URL, "", "gs://b/o"},
        {"data:image/png;base64,iVBORw==", true, NS_BASE64, "image/png", "iVBORw=="},
        {"DATA:Image/JPG;charset=x;Base64,/9j/", true, NS_BASE64, "image/jpeg", "/9j/"},
        {"data:image\\/png;base64,\\/9j\\/", true, NS_BASE64, "image/png", "\\/9j\\/"},
        {"data:image/png;base64,iVB%4FRw%3D%3D", true, NS_BASE64, "image/png", "iVBORw=="},
        {"data:;base64,AAAA", true, NS_BASE64, "", "AAAA"},
        {"data:,a%20b%0A%22", true, NS_TEXT, "text/plain", "a b\\n\\\""},
        {"data:text/html;charset=utf-8,<p>\\u00e9</p>", true, NS_TEXT, "text/html", "<p>\xc3\xa9</p>"},
        {"data:text/plain;base64,aGk=", true, NS_TEXT, "text/plain", "hi"},
        {"data:application/json;base64,eyJhIjoxfQ==", true, NS_TEXT, "application/json", "{\\\"a\\\":1}"},
        {"data:text/plain;base64,/w==", true, NS_BASE64, "text/plain", "/w=="}, /* no UTF-8 */
        {"data:image/svg+xml,<svg/>", true, NS_BASE64, "image/svg+xml", "PHN2Zy8+"},
        {"data:,100%", true, NS_TEXT, "text/plain", "100%"},
        {"data:image/png;base64", false, 0, NULL, NULL},
        {"data:", false, 0, NULL, NULL},
        {"data:im age;base64,AAAA", false, 0, NULL, NULL},
        {"data:noslash,x", false, 0, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct neutral_media m = {.source = NS_URL};
        if (media_from_url(sl_str_c(rows[i].url), &arena, &m) != rows[i].fine)
            fail_msg("%s", rows[i].url);
        if (!rows[i].fine)
            continue;
        assert_int_equal(m.source, rows[i].source);
        assert_str(m.mime, rows[i].mime);
        assert_str(m.data, rows[i].data);
    }
}

static void test_media_base64(void **state)
{
    (void)state;
    struct sl_str clean = SL_STR("iVBORw==");
    assert_ptr_equal(media_base64(clean, &arena).p, clean.p);
    assert_str(media_base64(SL_STR("-_8"), &arena), "+/8=");
    assert_str(media_base64(SL_STR("iV BO\\nRw"), &arena), "iVBORw==");
    assert_str(media_base64(SL_STR("\\/9j\\/"), &arena), "/9j/");
    static const char *const bad[] = {"", "!", "AAAAA", "AA=A", "a.b", "http://x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(media_base64(sl_str_c(bad[i]), &arena).n, 0);
    struct sl_str bytes;
    assert_true(media_decode(SL_STR("aGk="), &arena, &bytes));
    assert_str(bytes, "hi");
    assert_false(media_decode(SL_STR("a!"), &arena, &bytes));
    assert_str(media_encode(SL_STR("hi"), &arena), "aGk=");
}

static void test_media_sniff(void **state)
{
    (void)state;
    static const struct {
        struct sl_str bytes;
        const char *mime;
    } rows[] = {
        {SL_STR_INIT("\x89PNG\r\n\x1a\n...."), "image/png"},
        {SL_STR_INIT("\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg"},
        {SL_STR_INIT("GIF89a......"), "image/gif"},
        {SL_STR_INIT("RIFF\x10\0\0\0WEBPVP8 "), "image/webp"},
        {SL_STR_INIT("RIFF\x10\0\0\0WAVEfmt "), "audio/wav"},
        {SL_STR_INIT("%PDF-1.7\n"), "application/pdf"},
        {SL_STR_INIT("ID3\x04......"), "audio/mpeg"},
        {SL_STR_INIT("\xff\xfb\x90\x64......"), "audio/mpeg"},
        {SL_STR_INIT("\0\0\0\x18"
                     "ftypisom...."),
         "video/mp4"},
        {SL_STR_INIT("\0\0\0\x18"
                     "ftypheic...."),
         ""},
        {SL_STR_INIT("RIFF"), ""},
        {SL_STR_INIT("hello, world"), ""},
        {SL_STR_INIT(""), ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str base64 = media_encode(rows[i].bytes, &arena);
        assert_str(media_sniff(base64), rows[i].mime);
        struct sl_str lines = sl_arena_printf(&arena, SL_STR_FMT "\\n" SL_STR_FMT, SL_STR_ARG(sl_str_head(base64, 4)),
                                              SL_STR_ARG(sl_str_from(base64, 4)));
        assert_str(media_sniff(lines), rows[i].mime);
    }
    assert_str(media_sniff(SL_STR("\\/9j\\/4AAQSkZJRg==")), "image/jpeg");
    assert_str(media_by_name(SL_STR("Report.PDF")), "application/pdf");
    assert_str(media_by_name(SL_STR("pdf")), "");
    assert_str(media_by_name(SL_STR("a.tar.gz")), "");
}

/* -- Efforts ----------------------------------------------------------------------------------------------------------------------------- */

static void test_efforts(void **state)
{
    (void)state;
    for (int e = EFFORT_NONE; e <= EFFORT_MAX; e++)
        assert_int_equal(effort_of(effort_word((enum neutral_effort)e)), e);
    assert_int_equal(effort_of(SL_STR("HIGH")), EFFORT_HIGH);
    assert_int_equal(effort_of(SL_STR("")), EFFORT_UNSAID);
    assert_int_equal(effort_of(SL_STR("huge")), EFFORT_UNSAID);

    const uint16_t gpt5 = EFFORT_BIT(EFFORT_MINIMAL) | EFFORT_BIT(EFFORT_LOW) | EFFORT_BIT(EFFORT_MEDIUM) |
                          EFFORT_BIT(EFFORT_HIGH);
    assert_int_equal(effort_fit(EFFORT_MAX, gpt5), EFFORT_HIGH);
    assert_int_equal(effort_fit(EFFORT_NONE, gpt5), EFFORT_MINIMAL);
    assert_int_equal(effort_fit(EFFORT_MEDIUM, gpt5), EFFORT_MEDIUM);
    assert_int_equal(effort_fit(EFFORT_UNSAID, gpt5), EFFORT_UNSAID);
    assert_int_equal(effort_fit(EFFORT_LOW, EFFORT_BIT(EFFORT_NONE) | EFFORT_BIT(EFFORT_HIGH)),
                     EFFORT_HIGH); /* not off */
    assert_int_equal(effort_fit(EFFORT_LOW, 0), EFFORT_UNSAID);

    assert_int_equal(effort_of_budget(-1), EFFORT_UNSAID);
    assert_int_equal(effort_of_budget(0), EFFORT_NONE);
    assert_int_equal(effort_of_budget(1024), EFFORT_LOW);
    assert_int_equal(effort_of_budget(4096), EFFORT_MEDIUM);
    assert_int_equal(effort_of_budget(31999), EFFORT_HIGH);
    assert_int_equal(effort_of_budget_google(512), EFFORT_LOW);
    assert_int_equal(effort_of_budget_google(8192), EFFORT_MEDIUM);
    assert_int_equal(effort_of_budget_google(24576), EFFORT_HIGH);
    assert_int_equal(effort_of_budget_google(-2), EFFORT_UNSAID);

    assert_int_equal(effort_budget(EFFORT_MEDIUM, 10000), 5000); /* translate-openai-anthropic.md 2.7 */
    assert_int_equal(effort_budget(EFFORT_LOW, 4000), 1024);
    assert_int_equal(effort_budget(EFFORT_MAX, 2048), 0);
    assert_int_equal(effort_budget(EFFORT_NONE, 10000), 0);
    for (uint64_t max = 2049; max < 100000; max += 97)
        for (int e = EFFORT_MINIMAL; e <= EFFORT_MAX; e++) {
            uint64_t b = effort_budget((enum neutral_effort)e, max);
            assert_true(b >= 1024 && b < max);
        }

    const struct model_caps flash = {.flags = CAP_THINKING_OFF, .budget_max = 24576};
    const struct model_caps pro = {.budget_min = 128, .budget_max = 32768};
    assert_int_equal(effort_budget_google(EFFORT_NONE, &flash), 0); /* translate-gemini.md 6.1 */
    assert_int_equal(effort_budget_google(EFFORT_NONE, &pro), 128);
    assert_int_equal(effort_budget_google(EFFORT_MINIMAL, &flash), 512);
    assert_int_equal(effort_budget_google(EFFORT_MINIMAL, &pro), 128);
    assert_int_equal(effort_budget_google(EFFORT_MEDIUM, &pro), 8192);
    assert_int_equal(effort_budget_google(EFFORT_MAX, &flash), 24576);
    assert_int_equal(effort_budget_google(EFFORT_MAX, &pro), 32768);
    assert_int_equal(effort_budget_google(EFFORT_UNSAID, &pro), -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* In an event's data a raw value has no line ends; elsewhere it keeps its bytes. */
static void test_raw_in_a_line(void **state)
{
    (void)state;
    const struct sl_str raw = SL_STR("{\r\n \"a\": \"x\\n\",\n\"b\":1\r}");
    struct sl_buf b;
    sl_buf_init(&b, 1000);
    struct json_writer w = json_writer_on_line(&b);
    jw_raw(&w, raw);
    assert_true(sl_str_eq(sl_buf_str(&b), SL_STR("{   \"a\": \"x\\n\", \"b\":1 }")));
    sl_buf_reset(&b);
    w = json_writer_on(&b);
    jw_raw(&w, raw);
    assert_true(sl_str_eq(sl_buf_str(&b), raw));
    sl_buf_done(&b);
}

/* -- Documents that were cut ----------------------------------------------------------------------------------------------------- */

static void test_mended(void **state)
{
    (void)state;
    static const struct {
        const char *cut, *whole;
    } rows[] = {
        {"[{\"a\":\"te", "[{\"a\":\"te\"}]"},
        {"[{\"a\":\"te\\", "[{\"a\":\"te\"}]"},
        {"[{\"a\":\"te\\u00", "[{\"a\":\"te\"}]"},
        {"[{\"a\":\"te\\\"x", "[{\"a\":\"te\\\"x\"}]"},
        {"[{\"a\":\"te\xe7\xa7", "[{\"a\":\"te\"}]"},
        {"[{\"a\":\"\xe7\xa7\x91", "[{\"a\":\"\xe7\xa7\x91\"}]"},
        {"[{\"a\":1,\"b\":12", "[{\"a\":1}]"},
        {"[{\"a\":1,\"b", "[{\"a\":1}]"},
        {"[{\"a\":1,\"b\":", "[{\"a\":1}]"},
        {"[{\"a", "[{}]"},
        {"[1,nul", "[1]"},
        {"[[],{\"a\":[]},", "[[],{\"a\":[]}]"},
        {"{\"a\":\"b\"}", "{\"a\":\"b\"}"},
        {"12", ""},
        {"", ""},
        {"[}", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_str(json_mended(sl_str_c(rows[i].cut), &arena), rows[i].whole);
    struct sl_str doc =
        SL_STR(" {\"a\" : 1.50, \"b\":[true,\"\xf0\x9f\x99\x82\",{\"c\":\"x\\ny\\ud83d\\ude42\"}, -1e9], \"\":{}}");
    for (size_t n = 0; n <= doc.n; n++) {
        struct json_tree t;
        struct sl_str mended = json_mended(sl_str_head(doc, n), &arena);
        assert_true(n < 2 ? mended.n == 0 : json_tree_read(&t, mended, &arena));
    }
    char deep[2 * JSON_DEPTH_MAX];
    memset(deep, '[', sizeof deep);
    assert_int_equal(json_mended(sl_str_of(deep, sizeof deep), &arena).n, 0);
    assert_int_equal(json_mended(sl_str_of(deep, JSON_DEPTH_MAX), &arena).n, 2 * JSON_DEPTH_MAX);
}

/* An answer in slices tells, by its beginning, what a whole one does. */
static void test_beginnings(void **state)
{
    (void)state;
    static const struct {
        const char *dialect, *begin, *end;
    } rows[] = {
        {"openai", "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
         "\"},\"finish_reason\":\"stop\"}]}"},
        {"openai-responses",
         "{\"output\":[{\"type\":\"message\",\"id\":\"m\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"",
         "\"}]}]}"},
        {"anthropic", "{\"content\":[{\"type\":\"text\",\"text\":\"", "\"}]}"},
        {"gemini", "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"", "\"}]}}]}"},
    };
    static char text[100000];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t n = 10; n <= sizeof text; n *= 10) {
            const struct dialect *d = dialect_find(sl_str_c(rows[i].dialect));
            struct answer_facts f;
            struct told told;
            void *watch = sl_arena_alloc(&arena, d->answer_watch_bytes);
            d->answer_watch_init(watch, &arena);
            d->answer_watch_feed(watch, sl_str_c(rows[i].begin));
            d->answer_watch_feed(watch, sl_str_of(text, n));
            d->answer_watch_feed(watch, sl_str_c(rows[i].end));
            d->answer_watch_done(watch, &f);
            told_init(&told, &arena);
            assert_true(f.content.n <= ANSWER_CONTENT_KEPT && told_beginning(&told, d, &f));
            assert_true(n < 10000 ? told.text.n == n : told.text.n > 32000 || n == 10000);
            assert_true(told.bytes >= n - n / 200 && told.bytes <= n + n / 200 + 150 * (n > 10000));
            told_done(&told);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_in_a_line),
        CASE(test_mended),
        CASE(test_beginnings),
        CASE(test_tree_members),
        CASE(test_tree_refuses),
        CASE(test_tree_depth),
        CASE(test_tree_random),
        CASE(test_tree_large),
        CASE(test_texts),
        CASE(test_writer),
        CASE(test_base64),
        CASE(test_names_fit),
        CASE(test_names_map),
        CASE(test_carrier),
        CASE(test_collector),
        CASE(test_collector_choices),
        CASE(test_caps),
        CASE(test_notes),
        CASE(test_refuses),
        CASE(test_terms),
        CASE(test_media_urls),
        CASE(test_media_base64),
        CASE(test_media_sniff),
        CASE(test_efforts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
