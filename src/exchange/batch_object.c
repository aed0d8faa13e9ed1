/* What batches that run here read and write, in the forms of OpenAI (openai.md sections 15, 16) and Anthropic (anthropic.md section 6):
 * lines, requests, results, the batch and its files. Pure. */
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"
#include "exchange/batch_int.h"

#include "base/clock.h"

/* ---- what is asked for ---- */

static bool wrong(struct error_facts *out, enum gateway_error e, const char *param, const char *message)
{
    *out = (struct error_facts){.error = e, .param = sl_str_c(param), .message = sl_str_c(message)};
    return false;
}

/* Those that may be repeated: nothing is created by them that would then be there twice. */
static bool endpoint_is(struct sl_str s)
{
    static const struct sl_str known[] = {SL_STR_INIT("/v1/chat/completions"), SL_STR_INIT("/v1/responses"),
                                          SL_STR_INIT("/v1/embeddings"),       SL_STR_INIT("/v1/completions"),
                                          SL_STR_INIT("/v1/moderations"),      SL_STR_INIT("/v1/images/generations")};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (sl_str_eq(s, known[i]))
            return true;
    return false;
}

bool batch_asked_read(struct sl_str body, struct sl_arena *a, struct batch_asked *out_asked, struct error_facts *out)
{
    static const struct json_watch watches[] = {
        {SL_STR_INIT("endpoint"), -1}, {SL_STR_INIT("completion_window"), -1}, {SL_STR_INIT("metadata"), -1}};
    struct json_member m[3];
    struct json_info info;
    if (json_scan(body, watches, 3, m, &info) != JSON_OK)
        return wrong(out, GE_BODY_INVALID, NULL, NULL);
    if (m[0].kind != JSON_STRING)
        return wrong(out, m[0].kind == JSON_ABSENT ? GE_MEMBER_MISSING : GE_MEMBER_TYPE, "endpoint",
                     "'endpoint' must be the path that the lines are for.");
    struct sl_str endpoint = json_plain(json_inside(body, &m[0]), a);
    if (!endpoint_is(endpoint))
        return wrong(out, GE_MEMBER_VALUE, "endpoint",
                     "A batch that this gateway runs takes /v1/chat/completions, /v1/responses, /v1/embeddings, "
                     "/v1/completions, /v1/moderations or /v1/images/generations.");
    if (m[1].kind != JSON_STRING || !sl_str_eq(json_plain(json_inside(body, &m[1]), a), SL_STR("24h")))
        return wrong(out, m[1].kind == JSON_ABSENT ? GE_MEMBER_MISSING : GE_MEMBER_VALUE, "completion_window",
                     "'completion_window' must be \"24h\".");
    if (m[2].kind != JSON_ABSENT && m[2].kind != JSON_NULL && m[2].kind != JSON_OBJECT)
        return wrong(out, GE_MEMBER_TYPE, "metadata", "'metadata' must be an object.");
    *out_asked = (struct batch_asked){.endpoint = endpoint};
    if (m[2].kind == JSON_OBJECT)
        out_asked->metadata = json_raw(body, &m[2]);
    if (out_asked->metadata.n > BATCH_METADATA_MAX)
        return wrong(out, GE_MEMBER_TOO_LONG, "metadata", "'metadata' is too large.");
    return true;
}

struct sl_str batch_listed(struct sl_str list, size_t *at, struct sl_str file, struct sl_str *out_id,
                           struct sl_arena *a)
{
    struct json_tree t;
    size_t n = 0;
    if (!json_tree_read(&t, list, a))
        return SL_STR_NONE;
    const struct json_node *data = json_get(&t, json_root(&t), SL_STR("data"));
    for (JSON_EACH(&t, data, it)) {
        if (n++ < *at)
            continue;
        *at = n;
        *out_id = json_plain_of(&t, json_get(&t, it, SL_STR("id")), a);
        if (out_id->n > 0 && json_text_is(&t, json_get(&t, it, SL_STR("input_file_id")), file))
            return json_raw_of(&t, it);
    }
    return SL_STR_NONE;
}

/* ---- lines ---- */

static bool bad(struct batch_wrong *out, const char *code, const char *param, const char *message)
{
    *out = (struct batch_wrong){.code = code, .param = param, .message = message};
    return false;
}

static bool text_is(struct sl_str doc, const struct json_member *m, struct sl_str text, struct sl_arena *a)
{
    return m->kind == JSON_STRING && sl_str_eq(json_plain(json_inside(doc, m), a), text);
}

bool batch_line_read(struct sl_str line, struct sl_str endpoint, struct sl_arena *a, struct batch_line_read *out,
                     struct batch_wrong *out_wrong)
{
    static const struct json_watch watches[] = {{SL_STR_INIT("custom_id"), -1},
                                                {SL_STR_INIT("method"), -1},
                                                {SL_STR_INIT("url"), -1},
                                                {SL_STR_INIT("body"), -1}};
    struct json_member m[4];
    struct json_info info;
    if (json_scan(line, watches, 4, m, &info) != JSON_OK || info.root != JSON_OBJECT)
        return bad(out_wrong, "invalid_json_line", NULL, "This line is not a JSON object.");
    if (m[0].kind == JSON_ABSENT)
        return bad(out_wrong, "missing_required_parameter", "custom_id", "Missing required parameter: 'custom_id'.");
    struct sl_str id = m[0].kind == JSON_STRING ? json_plain(json_inside(line, &m[0]), a) : SL_STR_NONE;
    if (id.n == 0 || id.n > BATCH_CUSTOM_ID_MAX)
        return bad(out_wrong, "invalid_custom_id", "custom_id", "'custom_id' must be a text of 1 to 512 bytes.");
    if (!text_is(line, &m[1], SL_STR("POST"), a))
        return bad(out_wrong, "invalid_method", "method", "'method' must be \"POST\".");
    if (!text_is(line, &m[2], endpoint, a))
        return bad(out_wrong, "mismatched_url", "url", "'url' must be the endpoint of the batch.");
    if (m[3].kind != JSON_OBJECT)
        return bad(out_wrong, "missing_required_parameter", "body", "'body' must be an object: the request.");
    *out = (struct batch_line_read){.custom_id = id, .body = json_raw(line, &m[3])};
    return true;
}

void batch_error_add(struct sl_buf *to, const struct batch_wrong *w, uint64_t line)
{
    struct json_writer j = json_writer_on(to);
    sl_buf_addc(to, to->n == 0 ? '[' : ',');
    jw_open(&j, '{');
    jw_member_plain(&j, SL_STR("code"), sl_str_c(w->code));
    jw_key(&j, SL_STR("line"));
    if (line > 0)
        jw_u64(&j, line);
    else
        jw_null(&j);
    jw_member_plain(&j, SL_STR("message"), sl_str_c(w->message));
    jw_key(&j, SL_STR("param"));
    if (w->param != NULL)
        jw_plain(&j, sl_str_c(w->param));
    else
        jw_null(&j);
    jw_close(&j, '}');
}

/* anthropic.md, table of limits: ^[a-zA-Z0-9_-]{1,64}$ */
static bool is_custom_id(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = sl_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return s.n > 0 && s.n <= 64;
}

static bool wrong_request(struct error_facts *out, uint64_t index, struct sl_arena *a, const char *member,
                          const char *what)
{
    *out = (struct error_facts){
        .error = GE_MEMBER_VALUE,
        .param = SL_STR("requests"),
        .message = sl_arena_printf(a, "requests.%llu%s: %s", (unsigned long long)index, member, what)};
    return false;
}

bool batch_request_read(struct sl_str item, uint64_t index, struct sl_arena *a, struct batch_line_read *out_line,
                        struct error_facts *out)
{
    static const struct json_watch watches[] = {{SL_STR_INIT("custom_id"), -1}, {SL_STR_INIT("params"), -1}};
    struct json_member m[2];
    struct json_info info;
    if (json_scan(item, watches, 2, m, &info) != JSON_OK || info.root != JSON_OBJECT)
        return wrong_request(out, index, a, "", "Input should be a valid object");
    struct sl_str id = m[0].kind == JSON_STRING ? json_plain(json_inside(item, &m[0]), a) : SL_STR_NONE;
    if (!is_custom_id(id))
        return wrong_request(out, index, a, ".custom_id", "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'");
    if (m[1].kind != JSON_OBJECT)
        return wrong_request(out, index, a, ".params", "Field required: an object");
    *out_line = (struct batch_line_read){.custom_id = id, .body = json_raw(item, &m[1])};
    return true;
}

const char *batch_body_refused(struct sl_str body)
{
    static const struct json_watch watches[] = {{SL_STR_INIT("stream"), -1}, {SL_STR_INIT("background"), -1}};
    struct json_member m[2];
    struct json_info info;
    if (json_scan(body, watches, 2, m, &info) != JSON_OK)
        return NULL; /* the exchange says what is wrong */
    if (m[0].kind == JSON_TRUE)
        return "'stream' cannot be used in a batch.";
    return m[1].kind == JSON_TRUE ? "'background' cannot be used in a batch." : NULL;
}

/* ---- results ---- */

static void write_error_of(struct json_writer *w, const char *code, const char *message)
{
    jw_key(w, SL_STR("error"));
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("code"), sl_str_c(code));
    jw_member_plain(w, SL_STR("message"), sl_str_c(message));
    jw_close(w, '}');
}

static void openai_result(struct json_writer *w, struct sl_str id, const struct batch_answer *r)
{
    jw_key(w, SL_STR("response"));
    jw_open(w, '{');
    jw_key(w, SL_STR("status_code"));
    jw_i64(w, r->status);
    jw_member_plain(w, SL_STR("request_id"), r->request_id.n > 0 ? r->request_id : id);
    jw_key(w, SL_STR("body"));
    jw_raw(w, r->body);
    jw_close(w, '}');
    jw_member_null(w, SL_STR("error"));
}

static void anthropic_result(struct json_writer *w, const struct batch_answer *r)
{
    bool ok = r->status == 200;
    jw_key(w, SL_STR("result"));
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("type"), ok ? SL_STR("succeeded") : SL_STR("errored"));
    jw_key(w, ok ? SL_STR("message") : SL_STR("error"));
    jw_raw(w, r->body);
    jw_close(w, '}');
}

static struct json_writer begin_result(enum store_object_kind kind, struct sl_str custom_id, struct sl_str id,
                                       struct sl_buf *to)
{
    struct json_writer w = json_writer_on_line(to);
    jw_open(&w, '{');
    if (kind == STORE_OBJECT_BATCH) {
        jw_key(&w, SL_STR("id"));
        jw_string(&w);
        jw_piece_plain(&w, SL_STR("batch_req_"));
        jw_piece_plain(&w, id);
        jw_string_end(&w);
    }
    jw_member_plain(&w, SL_STR("custom_id"), custom_id);
    return w;
}

enum store_line_state batch_result_write(enum store_object_kind kind, struct sl_str custom_id, struct sl_str id,
                                         const struct batch_answer *answer, struct sl_buf *to)
{
    struct json_writer w = begin_result(kind, custom_id, id, to);
    if (kind == STORE_OBJECT_BATCH)
        openai_result(&w, id, answer);
    else
        anthropic_result(&w, answer);
    jw_close(&w, '}');
    sl_buf_addc(to, '\n');
    return answer->status == 200 ? STORE_LINE_OUTPUT : STORE_LINE_ERROR;
}

void batch_unrun_write(enum store_object_kind kind, struct sl_str custom_id, struct sl_str id, bool cancelled,
                       struct sl_buf *to)
{
    struct json_writer w = begin_result(kind, custom_id, id, to);
    if (kind == STORE_OBJECT_BATCH) {
        jw_member_null(&w, SL_STR("response"));
        write_error_of(&w, cancelled ? "batch_cancelled" : "batch_expired",
                       cancelled ? "This request was not run: the batch was cancelled."
                                 : "This request could not be run before the completion window expired.");
    } else {
        jw_key(&w, SL_STR("result"));
        jw_open(&w, '{');
        jw_member_plain(&w, SL_STR("type"), cancelled ? SL_STR("canceled") : SL_STR("expired"));
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    sl_buf_addc(to, '\n');
}

/* ---- files ---- */

void batch_file_write(struct sl_str id, struct sl_str filename, struct sl_str purpose, uint64_t bytes, int64_t made_ns,
                      struct sl_buf *to)
{
    struct json_writer w = json_writer_on(to);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("id"), id);
    jw_member_plain(&w, SL_STR("object"), SL_STR("file"));
    jw_member_u64(&w, SL_STR("bytes"), bytes);
    jw_member_u64(&w, SL_STR("created_at"), (uint64_t)(made_ns / SL_SEC));
    jw_member_plain(&w, SL_STR("filename"), filename);
    jw_member_plain(&w, SL_STR("purpose"), purpose);
    jw_member_plain(&w, SL_STR("status"), SL_STR("processed"));
    jw_member_null(&w, SL_STR("status_details"));
    jw_close(&w, '}');
}

static const struct sl_str of_output = SL_STR_INIT("file-o"), of_error = SL_STR_INIT("file-e"),
                           of_batch = SL_STR_INIT("batch_");

struct sl_str batch_file_id(const struct store_batch *b, enum store_line_state state, struct sl_arena *a)
{
    struct sl_str head = state == STORE_LINE_OUTPUT ? of_output : of_error, id = sl_str_from(b->id, of_batch.n);
    return sl_arena_printf(a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(head), SL_STR_ARG(id));
}

struct sl_str batch_of_file(struct sl_str file, enum store_line_state *out_state, struct sl_arena *a)
{
    if (!sl_str_starts(file, of_output) && !sl_str_starts(file, of_error))
        return SL_STR_NONE;
    *out_state = sl_str_starts(file, of_output) ? STORE_LINE_OUTPUT : STORE_LINE_ERROR;
    return sl_arena_printf(a, "batch_" SL_STR_FMT, SL_STR_ARG(sl_str_from(file, of_output.n)));
}

/* ---- the batch ---- */

static struct sl_str openai_status(const struct store_batch *b)
{
    static const struct sl_str names[] = {
        [STORE_BATCH_DRAFT] = SL_STR_INIT("validating"),    [STORE_BATCH_VALIDATING] = SL_STR_INIT("validating"),
        [STORE_BATCH_RUNNING] = SL_STR_INIT("in_progress"), [STORE_BATCH_FINALIZING] = SL_STR_INIT("finalizing"),
        [STORE_BATCH_COMPLETED] = SL_STR_INIT("completed"), [STORE_BATCH_FAILED] = SL_STR_INIT("failed"),
        [STORE_BATCH_EXPIRED] = SL_STR_INIT("expired"),     [STORE_BATCH_CANCELLED] = SL_STR_INIT("cancelled"),
    };
    return b->cancel_ns > 0 && b->ended_ns == 0 ? SL_STR("cancelling") : names[b->state];
}

static void when(struct json_writer *w, const char *name, int64_t ns)
{
    jw_key(w, sl_str_c(name));
    if (ns > 0)
        jw_i64(w, ns / SL_SEC);
    else
        jw_null(w);
}

static void when_in(struct json_writer *w, const char *name, const struct store_batch *b, enum store_batch_state state)
{
    when(w, name, b->state == state ? b->ended_ns : 0);
}

static void write_file_of(struct json_writer *w, const char *name, const struct store_batch *b,
                          enum store_line_state state)
{
    uint64_t bytes = state == STORE_LINE_OUTPUT ? b->bytes_out : b->bytes_err;
    jw_key(w, sl_str_c(name));
    if (b->ended_ns == 0 || bytes == 0) {
        jw_null(w);
        return;
    }
    jw_string(w);
    jw_piece_plain(w, state == STORE_LINE_OUTPUT ? of_output : of_error);
    jw_piece_plain(w, sl_str_from(b->id, of_batch.n));
    jw_string_end(w);
}

static void write_openai(const struct store_batch *b, struct json_writer *w)
{
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("id"), b->id);
    jw_member_plain(w, SL_STR("object"), SL_STR("batch"));
    jw_member_plain(w, SL_STR("endpoint"), b->endpoint);
    jw_key(w, SL_STR("errors"));
    if (b->errors.n > 0) {
        jw_open(w, '{');
        jw_member_plain(w, SL_STR("object"), SL_STR("list"));
        jw_member_raw(w, SL_STR("data"), b->errors);
        jw_close(w, '}');
    } else {
        jw_null(w);
    }
    jw_member_plain(w, SL_STR("input_file_id"), b->input);
    jw_member_plain(w, SL_STR("completion_window"), SL_STR("24h"));
    jw_member_plain(w, SL_STR("status"), openai_status(b));
    write_file_of(w, "output_file_id", b, STORE_LINE_OUTPUT);
    write_file_of(w, "error_file_id", b, STORE_LINE_ERROR);
    when(w, "created_at", b->made_ns);
    when(w, "in_progress_at", b->began_ns);
    when(w, "expires_at", b->expires_ns);
    when(w, "finalizing_at", b->finalizing_ns);
    when_in(w, "completed_at", b, STORE_BATCH_COMPLETED);
    when_in(w, "failed_at", b, STORE_BATCH_FAILED);
    when_in(w, "expired_at", b, STORE_BATCH_EXPIRED);
    when(w, "cancelling_at", b->cancel_ns);
    when_in(w, "cancelled_at", b, STORE_BATCH_CANCELLED);
    jw_key(w, SL_STR("request_counts"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("total"), b->total);
    jw_member_u64(w, SL_STR("completed"), b->completed);
    jw_member_u64(w, SL_STR("failed"), b->failed);
    jw_close(w, '}');
    jw_member_raw(w, SL_STR("metadata"), b->metadata); /* empty: null */
    jw_close(w, '}');
}

static void dated(struct json_writer *w, const char *name, int64_t ns)
{
    char text[SL_TIME_TEXT];
    jw_key(w, sl_str_c(name));
    if (ns <= 0) {
        jw_null(w);
        return;
    }
    sl_time_text(ns, text);
    jw_plain(w, sl_str_c(text));
}

/* `endpoint` is where its creator reached this gateway. While it runs all counts but `processing` are 0 (anthropic.md section 6). */
static void write_anthropic(const struct store_batch *b, struct json_writer *w)
{
    bool over = b->ended_ns > 0;
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("id"), b->id);
    jw_member_plain(w, SL_STR("type"), SL_STR("message_batch"));
    jw_member_plain(w, SL_STR("processing_status"),
                    over               ? SL_STR("ended")
                    : b->cancel_ns > 0 ? SL_STR("canceling")
                                       : SL_STR("in_progress"));
    jw_key(w, SL_STR("request_counts"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("processing"), over ? 0 : b->total);
    jw_member_u64(w, SL_STR("succeeded"), over ? b->completed : 0);
    jw_member_u64(w, SL_STR("errored"), over ? b->failed : 0);
    jw_member_u64(w, SL_STR("canceled"), over ? b->cancelled : 0);
    jw_member_u64(w, SL_STR("expired"), over ? b->expired : 0);
    jw_close(w, '}');
    dated(w, "created_at", b->made_ns);
    dated(w, "expires_at", b->expires_ns);
    dated(w, "ended_at", b->ended_ns);
    dated(w, "cancel_initiated_at", b->cancel_ns);
    jw_member_null(w, SL_STR("archived_at"));
    jw_key(w, SL_STR("results_url"));
    if (over) {
        jw_string(w);
        jw_piece_plain(w, b->endpoint);
        jw_piece_plain(w, SL_STR("/v1/messages/batches/"));
        jw_piece_plain(w, b->id);
        jw_piece_plain(w, SL_STR("/results"));
        jw_string_end(w);
    } else {
        jw_null(w);
    }
    jw_close(w, '}');
}

void batch_object_write(const struct store_batch *b, struct sl_buf *to)
{
    struct json_writer w = json_writer_on(to);
    if (b->kind == STORE_OBJECT_BATCH)
        write_openai(b, &w);
    else
        write_anthropic(b, &w);
}
