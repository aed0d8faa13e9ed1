/* The simulator's app: life of calls, routes, sending. One thread; a call lives in its stream's arena until it is finished, and is
 * finished exactly once (sim_finish), which writes its record into the account. */
#include "sim/sim.h"

#include "base/mem.h"
#include "sim/ask.h"
#include "sim/realtime.h"
#include "sim/responses.h"
#include "sim/sim_int.h"
#include "sim/video.h"

#define OUT_KEEP (1u << 20) /* the rendering buffer goes back below this after a giant */

/* ---- JSON memory ---- */

static void *alc_malloc(void *ctx, size_t n)
{
    (void)ctx;
    return sl_malloc(n);
}

static void *alc_realloc(void *ctx, void *p, size_t old, size_t n)
{
    (void)ctx;
    (void)old;
    return sl_realloc(p, n);
}

static void alc_free(void *ctx, void *p)
{
    (void)ctx;
    sl_free(p);
}

const yyjson_alc sim_json_alc = {.malloc = alc_malloc, .realloc = alc_realloc, .free = alc_free};

/* A document in the simulator's own memory where it fits; NULL: no JSON. The document is freed before the next is read. */
static yyjson_doc *read_json(struct sim *s, struct sl_str raw)
{
    yyjson_alc pool;
    const yyjson_alc *alc = &sim_json_alc;
    char *text = (char *)(uintptr_t)raw.p; /* not written to: no INSITU */
    if (raw.n <= SIM_BODY_MAX && yyjson_read_max_memory_usage(raw.n, YYJSON_READ_NOFLAG) < SIM_PARSE_BYTES / 2) {
        yyjson_alc_pool_init(&pool, s->parse, SIM_PARSE_BYTES);
        alc = &pool;
    }
    return raw.n > 0 ? yyjson_read_opts(text, raw.n, YYJSON_READ_NOFLAG, alc, NULL) : NULL;
}

/* ---- life ---- */

struct sim *sim_new(struct sl_loop *l, const struct sim_settings *set)
{
    struct sim *s = SL_NEW(struct sim);
    s->loop = l;
    s->set = *set;
    if (set->seed != 0)
        sl_rand_seed(&s->rand, set->seed);
    else
        sl_rand_seed_system(&s->rand);
    sl_list_init(&s->calls);
    s->prefixes = sl_calloc(SIM_PREFIXES, sizeof *s->prefixes);
    s->parse = sl_malloc(SIM_PARSE_BYTES);
    sl_buf_init(&s->out, SIM_ANSWER_MAX);
    sim_embeddings_prepare(s);
    sim_files_prepare(s);
    return s;
}

void sim_free(struct sim *s)
{
    if (s == NULL)
        return;
    SL_CHECK(sl_list_is_empty(&s->calls));
    sl_free(s->served);
    sl_free(s->prefixes);
    sl_free(s->parse);
    responses_store_free(s->responses);
    sim_files_free(s->files);
    sim_gfiles_free(s->gfiles);
    sim_parts_free(s->parts);
    sim_video_store_free(s->videos);
    sim_batches_free(s->batches);
    sl_buf_done(&s->out);
    sl_free(s);
}

static void on_timer(struct sl_timer *t)
{
    struct sim_call *c = SL_CONTAINER_OF(t, struct sim_call, timer);
    c->then(c);
}

void sim_after(struct sim_call *c, int64_t ns, void (*then)(struct sim_call *c))
{
    c->then = then;
    sl_timer_arm(c->sim->loop, &c->timer, sl_loop_now(c->sim->loop) + ns);
}

void sim_finish(struct sim_call *c, bool complete)
{
    struct sim *s = c->sim;
    if (c->released)
        return;
    c->released = true;
    c->complete = complete && !c->gone;
    if (c->socket != NULL && !c->is_turn)
        sim_socket_end(c); /* each of its responses has its own record */
    else if (c->realtime)
        sim_ws_end(c);
    else if (!c->control)
        sim_account_add(c);
    sl_timer_cancel(s->loop, &c->timer);
    sl_chunks_done(&c->body);
    sl_list_remove(&c->node);
    s->n_calls--;
    if (c->is_turn) {
        sim_socket_turn_over(c);
        return;
    }
    http_stream_release(c->s); /* c itself is in the stream's arena */
}

/* ---- sending ---- */

void sim_head(struct sim_call *c, int status, struct sl_str type, int64_t length, const struct sim_error *e)
{
    struct sl_arena *a = c->s->arena;
    struct http_header room[28];
    struct http_headers h = {.v = room, .n = 0, .cap = 28};
    SL_CHECK(!c->head_sent);
    c->head_sent = true;
    c->status = status;
    if (c->is_turn)
        return;
    http_headers_add_id(&h, a, HN_CONTENT_TYPE, type);
    sim_vendor_headers(c, status, &h);
    http_headers_add(&h, a, SL_STR("x-sluice-simulated"), SL_STR("true"));
    if (e != NULL && e->header != NULL)
        http_headers_add(&h, a, sl_str_c(e->header), sl_str_c(e->value));
    const struct http_response r = {.status = status, .headers = h, .content_length = length};
    http_stream_send_head(c->s, &r, false);
}

void sim_send(struct sim_call *c, struct sl_str bytes, bool last)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
    if (c->is_turn) {
        sim_socket_send(c, bytes, last);
        return;
    }
    c->sent += bytes.n;
    http_stream_send_body(c->s, &v, bytes.n > 0 ? 1 : 0, last);
}

void sim_answer(struct sim_call *c, int status, struct sl_str type, struct sl_str body)
{
    sim_head(c, status, type, (int64_t)body.n, NULL);
    sim_send(c, body, true);
    sim_finish(c, true);
}

void sim_refuse(struct sim_call *c, const struct sim_error *e)
{
    struct sim_vendor_error said;
    struct sim_error plain = *e;
    sim_vendor_error(c, e, &said);
    if (!said.takes_header)
        plain.header = NULL;
    if (c->vendor == VENDOR_AWS && said.kind != NULL) {
        plain.header = "x-amzn-errortype";
        plain.value =
            sl_arena_printf(c->s->arena, "%s:http://internal.amazon.com/coral/com.amazon.bedrock/", said.kind).p;
    }
    sim_head(c, said.status, said.type, (int64_t)said.body.n, &plain);
    sim_send(c, said.body, true);
    sim_finish(c, true);
}

void sim_keep(char *to, size_t cap, struct sl_str s)
{
    size_t n = s.n < cap - 1 ? s.n : cap - 1;
    if (n > 0)
        memcpy(to, s.p, n);
    to[n] = 0;
}

struct sl_str sim_header(const struct sim_call *c, const char *name)
{
    const struct http_header *h = http_headers_find_name(&c->r->headers, sl_str_c(name));
    return h != NULL ? h->value : SL_STR_NONE;
}

struct sl_str sim_vprintf(struct sim_call *c, const char *format, va_list ap)
{
    struct sl_buf b;
    sl_buf_init(&b, 8192);
    sl_buf_addv(&b, format, ap);
    struct sl_str text = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return text;
}

bool sim_say_no(struct sim_call *c, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct sl_str message = sim_vprintf(c, format, ap);
    va_end(ap);
    sim_refuse(c, &(struct sim_error){.trouble = TROUBLE_SAID,
                                      .status = 400,
                                      .type = "invalid_request_error",
                                      .code = "invalid_value",
                                      .message = message.p});
    return false;
}

void sim_raw(struct sim_call *c, struct sl_str bytes, bool close)
{
    if (c->s->ops->send_raw != NULL)
        c->s->ops->send_raw(c->s, bytes, close);
    else
        http_stream_reset(c->s);
}

/* On HTTP/1, raw bytes (even none) tell the connection that its plain close would not do. */
void sim_reset(struct sim_call *c)
{
    if (c->s->ops->send_raw != NULL)
        c->s->ops->send_raw(c->s, SL_STR_NONE, false);
    http_stream_reset(c->s);
    sim_finish(c, false);
}

/* ---- models ---- */

static const char *const models[] = {
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-3.5-turbo-instruct",
    "text-embedding-3-small",
    "text-embedding-3-large",
};
static const char *const claude_models[] = {"claude-opus-5-5", "claude-sonnet-4-6", "claude-haiku-4-5"};
static const char *const gemini_models[] = {"gemini-3.8-flash", "gemini-3-pro-preview", "gemini-2.5-flash"};
static const struct { /* of each vendor that has a list */
    const char *const *names;
    size_t n;
    const char *begin, *end;
} lists[SIM_VENDORS] = {
    [VENDOR_OPENAI] = {models, sizeof models / sizeof models[0], "{\"object\":\"list\",\"data\":[", "]}"},
    [VENDOR_ANTHROPIC] = {claude_models, 3, "{\"data\":[",
                          "],\"first_id\":\"claude-opus-5-5\",\"last_id\":\"claude-haiku-4-5\",\"has_more\":false}"},
    [VENDOR_GOOGLE] = {gemini_models, 3, "{\"models\":[", "]}"},
};

static void add_model(const struct sim_call *c, struct sl_buf *b, struct sl_str id)
{
    if (c->vendor == VENDOR_ANTHROPIC) {
        sl_buf_adds(b,
                    SL_STR("{\"type\":\"model\",\"created_at\":\"2026-09-01T00:00:00Z\",\"max_input_tokens\":1000000,"
                           "\"max_tokens\":128000,\"display_name\":\"Simulated\",\"id\":"));
        sl_buf_add_json(b, id);
        sl_buf_addc(b, '}');
        return;
    }
    if (c->vendor == VENDOR_GOOGLE) {
        sl_buf_adds(
            b, SL_STR("{\"version\":\"001\",\"displayName\":\"Simulated\",\"inputTokenLimit\":1048576,"
                      "\"outputTokenLimit\":65536,\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"],"
                      "\"thinking\":true,\"name\":"));
        sl_buf_add_json(b, sl_arena_printf(c->s->arena, "models/" SL_STR_FMT, SL_STR_ARG(sl_str_head(id, 200))));
        sl_buf_addc(b, '}');
        return;
    }
    sl_buf_adds(b, SL_STR("{\"id\":"));
    sl_buf_add_json(b, id);
    sl_buf_adds(b, SL_STR(",\"object\":\"model\",\"created\":1715367049,\"owned_by\":\"sluice-simulated\"}"));
}

static void get_models(struct sim_call *c, struct sl_str id)
{
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    if (id.n > 0) { /* any model is answered for, so any exists */
        add_model(c, b, id);
    } else {
        sl_buf_adds(b, sl_str_c(lists[c->vendor].begin));
        for (size_t i = 0; i < lists[c->vendor].n; i++) {
            sl_buf_adds(b, i > 0 ? SL_STR(",") : SL_STR_NONE);
            add_model(c, b, sl_str_c(lists[c->vendor].names[i]));
        }
        sl_buf_adds(b, sl_str_c(lists[c->vendor].end));
    }
    sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

/* ---- routes ---- */

struct route {
    enum http_method method;
    struct sl_str path;
    void (*serve)(struct sim_call *c);
};

static void get_health(struct sim_call *c)
{
    sim_answer(c, 200, SIM_JSON, SL_STR("{\"status\":\"ok\",\"simulated\":true}"));
}

static const struct route controls[] = {
    {HTTP_GET, SL_STR_INIT("/sim/health"), get_health},
    {HTTP_GET, SL_STR_INIT("/sim/count"), sim_account_get},
    {HTTP_GET, SL_STR_INIT("/sim/rules"), sim_rules_get},
    {HTTP_POST, SL_STR_INIT("/sim/rules"), sim_rules_post},
    {HTTP_DELETE, SL_STR_INIT("/sim/rules"), sim_rules_delete},
    {HTTP_GET, SL_STR_INIT("/sim/video"), sim_video_control},
    {HTTP_POST, SL_STR_INIT("/sim/video"), sim_video_control},
    {HTTP_DELETE, SL_STR_INIT("/sim/video"), sim_video_control},
};

static void route_control(struct sim_call *c)
{
    for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++) {
        if (controls[i].method == c->r->method && sl_str_eq(controls[i].path, c->r->path)) {
            controls[i].serve(c);
            return;
        }
    }
    sim_refuse(c, &sim_error_not_found);
}

static void go_on(struct sim_call *c)
{
    if (sim_fault_instead(c))
        return;
    if (c->kind == SIM_EMBEDDINGS)
        sim_embeddings_send(c);
    else
        sim_answer_begin(c);
}

void sim_serve_post(struct sim_call *c, struct sl_str raw)
{
    struct sim_ask a;
    yyjson_doc *doc = read_json(c->sim, raw);
    yyjson_val *root = yyjson_doc_get_root(doc);
    c->n = c->prompts = 1;
    sim_ask_begin(&a, c, raw);
    bool good = c->format->read(&a, root) && (c->kind == SIM_EMBEDDINGS || sim_ask_settle(&a));
    if (good && c->silent) {
        c->n_parts = c->n_tools = 0;
        c->tokens = c->reasoning = c->text_pieces = c->think_pieces = c->pieces = 0;
    }
    if (good) {
        sim_faults_choose(c);
        good = c->kind != SIM_EMBEDDINGS || sim_embeddings_read(c, root);
    }
    yyjson_doc_free(doc);
    if (!good)
        return;
    sl_chunks_clear(&c->body);
    int64_t wait = sim_fault_delay_ns(c);
    if (wait > 0)
        sim_after(c, wait, go_on);
    else
        go_on(c);
}

static bool is_google(struct sl_str path)
{
    return sl_str_starts(path, SL_STR("/v1beta/")) || sl_str_starts(path, SL_STR("/v1alpha/"));
}

/* Of a path that no format has: the list of models is asked for in three forms. */
static enum sim_vendor vendor_of(const struct sim_call *c)
{
    if (is_google(c->r->path) || sim_live_is_path(c->r->path) ||
        http_headers_get(&c->r->headers, HN_X_GOOG_API_KEY).n > 0)
        return VENDOR_GOOGLE; /* Google's SDK for Python asks for /v1/models */
    bool anthropic = http_headers_find_name(&c->r->headers, SL_STR("anthropic-version")) != NULL;
    return anthropic ? VENDOR_ANTHROPIC : VENDOR_OPENAI;
}

static void route_get(struct sim_call *c)
{
    struct sl_str path = c->r->path, list = SL_STR("/models");
    if (is_google(path))
        path = sl_str_from(path, path.p[3] == 'b' ? 7 : 8);
    else if (sl_str_starts(path, SL_STR("/v1/")))
        path = sl_str_from(path, 3);
    if (c->r->method == HTTP_GET && sl_str_eq(path, list))
        get_models(c, SL_STR_NONE);
    else if (c->r->method == HTTP_GET && sl_str_starts(path, SL_STR("/models/")))
        get_models(c, sl_str_from(path, list.n + 1));
    else
        sim_refuse(c, &sim_error_not_found);
}

static void route(struct sim_call *c, struct sl_str raw)
{
    if (c->control) {
        route_control(c);
        return;
    }
    if (sim_token_serve(c, raw) || sim_video_serve(c, raw) || sim_gfiles_serve(c, raw))
        return;
    bool found = sim_path_find(c);
    if (!found)
        c->vendor = vendor_of(c);
    const struct sim_error *e = sim_key_error(c, raw);
    if (e != NULL)
        sim_refuse(c, e);
    else if (!c->too_large && sim_other_serve(c, raw))
        return;
    else if (found && c->too_large)
        sim_refuse(c, &sim_error_too_large);
    else if (found)
        sim_serve_post(c, raw);
    else if (sim_form_serve(c, raw) || sim_files_serve(c) || sim_parts_serve(c, raw) || sim_batches_serve(c, raw))
        return;
    else if (!sim_live_serve(c) && !sim_realtime_serve(c) && !sim_socket_serve(c) && !responses_serve(c))
        route_get(c);
}

/* ---- the app ---- */

void sim_call_begin(struct sim_call *c)
{
    sl_list_init(&c->node);
    sl_timer_init(&c->timer, on_timer);
    sl_chunks_init(&c->body, SIM_BODY_MAX, NULL);
    sl_list_add_tail(&c->sim->calls, &c->node);
    c->sim->n_calls++;
}

static void *on_request(void *app, struct http_stream *s, const struct http_request *r)
{
    struct sim *sim = app;
    struct sim_call *c = SL_ARENA_NEW(s->arena, struct sim_call);
    c->sim = sim;
    c->s = s;
    c->r = r;
    c->began_ns = sl_loop_now(sim->loop);
    c->control = sl_str_starts(r->path, SL_STR("/sim/"));
    sim_call_begin(c);
    if (sim->out.cap > OUT_KEEP) {
        sl_buf_done(&sim->out);
        sl_buf_init(&sim->out, SIM_ANSWER_MAX);
    }
    if (r->has_body && !c->control && !sim_gsend_begin(c))
        sim_upload_begin(c);
    if (r->has_body)
        http_stream_read(s, true);
    else
        route(c, SL_STR_NONE);
    return c;
}

static void on_body(void *x, struct sl_str bytes, bool last)
{
    struct sim_call *c = x;
    if (c->released)
        return;
    if (c->gsend != NULL) {
        sim_gsend_feed(c, bytes, last);
        return;
    }
    if (c->upload != NULL) {
        sim_upload_feed(c, bytes, last);
        return;
    }
    if (c->socket != NULL) {
        sim_socket_bytes(c, bytes);
        return;
    }
    if (c->realtime) {
        sim_ws_bytes(c, bytes);
        return;
    }
    if (last && c->body.n == 0 && !c->too_large && !c->control) { /* the usual case: all of it at once, no copy */
        c->too_large = bytes.n > SIM_BODY_MAX;
        route(c, bytes);
        return;
    }
    if (!c->too_large && sl_chunks_add(&c->body, bytes.p, bytes.n) != SL_OK) {
        c->too_large = true;
        sl_chunks_clear(&c->body);
    }
    if (last)
        route(c, sl_chunks_flat(&c->body));
}

static void on_room(void *x)
{
    struct sim_call *c = x;
    if (!c->released && c->socket != NULL)
        c = sim_socket_turn(c);
    if (c == NULL)
        return;
    bool waits = sl_timer_is_armed(&c->timer);
    if (!c->released && c->file_left > 0)
        sim_file_go(c);
    if (!c->released && c->room != NULL) {
        c->room(c);
        return;
    }
    if (!c->released && c->streaming && c->head_sent && !waits && !c->stopped)
        sim_stream_go(c);
}

static void on_gone(void *x, enum http_gone why)
{
    struct sim_call *c = x;
    (void)why;
    if (c->released)
        return;
    c->gone = true;
    if (c->gsend != NULL)
        sim_gsend_gone(c);
    if (!c->control)
        c->sim->n_cancelled++;
    sim_finish(c, false);
}

const struct http_app sim_app = {.on_request = on_request, .on_body = on_body, .on_room = on_room, .on_gone = on_gone};
