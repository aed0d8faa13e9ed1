/* Lines of an input file and requests of a message batch: what is taken has an id and a body, and its result is one line of JSON. The same
 * bytes as an input file that is estimated, cut anywhere, and as a provider's list of files. */
#include "exchange/batch_int.h"

#include "base/check.h"
#include "dialect/json_scan.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void check_line(struct sl_str line)
{
    struct json_info info;
    SL_CHECK(line.n > 1 && line.p[line.n - 1] == '\n' && sl_str_find(line, '\n') == (ptrdiff_t)line.n - 1);
    SL_CHECK(json_scan(sl_str_head(line, line.n - 1), NULL, 0, NULL, &info) == JSON_OK && info.root == JSON_OBJECT);
}

static void check_result(enum store_object_kind kind, const struct batch_line_read *read, struct sl_buf *b)
{
    const struct batch_answer r = {.status = 200, .body = read->body};
    SL_CHECK(read->custom_id.n > 0 && read->custom_id.n <= BATCH_CUSTOM_ID_MAX);
    sl_buf_reset(b);
    SL_CHECK(batch_result_write(kind, read->custom_id, SL_STR("1"), &r, b) == STORE_LINE_OUTPUT);
    check_line(sl_buf_str(b));
    sl_buf_reset(b);
    batch_unrun_write(kind, read->custom_id, SL_STR("1"), true, b);
    check_line(sl_buf_str(b));
    (void)batch_body_refused(read->body);
}

/* However the file is cut, the estimate is the same. */
static void check_guess(struct sl_str text, size_t piece)
{
    struct batch_guess *whole = batch_guess_new(NULL), *cut = batch_guess_new(NULL);
    struct sl_str a, b;
    struct usage u, v;
    batch_guess_bytes(whole, text);
    for (size_t at = 0; at < text.n; at += piece)
        batch_guess_bytes(cut, sl_str_of(text.p + at, text.n - at < piece ? text.n - at : piece));
    bool more = true;
    while (more) {
        more = batch_guess_next(whole, 1, 2, &a, &u);
        SL_CHECK(more == batch_guess_next(cut, 1, 2, &b, &v));
        SL_CHECK(!more ||
                 (sl_str_eq(a, b) && u.input == v.input && u.output == v.output && (u.flags & USAGE_ESTIMATED) != 0));
    }
    batch_guess_free(whole);
    batch_guess_free(cut);
}

static void check_listed(struct sl_str text, struct sl_arena *a)
{
    static const struct sl_str all =
        SL_STR_INIT("{\"filename\":\"a\",\"bytes\":1,\"or\":3,\"anthropic\":false,\"due\":9}");
    struct file_intent want;
    struct sl_str id, found;
    size_t at = 0;
    (void)file_intent_read(text, a, &want);
    SL_CHECK(file_intent_is(all) && file_intent_read(all, a, &want) && want.bytes == 1 && want.or_bytes == 3);
    (void)file_list_is_whole(text, 1, a);
    for (int way = 0; way < 4; way++, at = 0) {
        want.anthropic = (way & 1) != 0;
        want.any_size = (way & 2) != 0;
        while ((found = file_listed(text, &at, &want, 0, &id, a)).n > 0)
            SL_CHECK(id.n > 0 && found.p >= text.p && found.p + found.n <= text.p + text.n);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_arena a;
    struct sl_buf b;
    struct batch_line_read read;
    struct batch_wrong wrong;
    struct batch_asked asked;
    struct error_facts why;
    struct sl_str text = sl_str_of(data, n);
    sl_arena_init(&a, NULL);
    sl_buf_init(&b, 64 * (n + 1024));
    if (batch_line_read(text, SL_STR("/v1/chat/completions"), &a, &read, &wrong))
        check_result(STORE_OBJECT_BATCH, &read, &b);
    else
        SL_CHECK(wrong.code != NULL && wrong.message != NULL);
    if (batch_request_read(text, 1, &a, &read, &why))
        check_result(STORE_OBJECT_MESSAGE_BATCH, &read, &b);
    else
        SL_CHECK(why.error != GE_NONE);
    if (batch_asked_read(text, &a, &asked, &why)) {
        const struct store_batch batch = {.kind = STORE_OBJECT_BATCH,
                                          .id = SL_STR("batch_1"),
                                          .metadata = asked.metadata,
                                          .endpoint = asked.endpoint};
        struct json_info info;
        sl_buf_reset(&b);
        batch_object_write(&batch, &b);
        SL_CHECK(json_scan(sl_buf_str(&b), NULL, 0, NULL, &info) == JSON_OK);
    } else {
        SL_CHECK(why.error != GE_NONE);
    }
    check_guess(text, n > 0 ? data[0] % 64u + 1u : 1);
    check_listed(text, &a);
    sl_buf_done(&b);
    sl_arena_done(&a);
    return 0;
}
