/* Batches: openai.md 16, anthropic.md 6. Done when they are made; a batch says so when it is asked for the second time. What it used is
 * in the account of the request that made it. */
#include "base/mem.h"
#include "sim/ask.h"
#include "sim/sim_int.h"

#define BATCHES_MAX 256u /* the newest */
#define ANSWER_TOKENS 7u

struct sim_batch {
    char id[48]; /* "": free */
    char input[48], output[48];
    char endpoint[48], model[64];
    unsigned looks, lines;
    uint64_t prompt, completion;
    bool cancelled, anthropic;
    int64_t created;
    struct sl_buf results; /* Anthropic's */
};

struct sim_batches {
    struct sim_batch v[BATCHES_MAX];
    uint64_t n;
};

static const struct sim_format sim_batch_format = {.name = "batch", .vendor = VENDOR_OPENAI};

void sim_batches_free(struct sim_batches *s)
{
    for (size_t i = 0; s != NULL && i < BATCHES_MAX; i++)
        sl_buf_done(&s->v[i].results);
    sl_free(s);
}

static struct sim_batch *new_batch(struct sim_call *c, bool anthropic)
{
    struct sim *s = c->sim;
    if (s->batches == NULL)
        s->batches = SL_NEW(struct sim_batches);
    struct sim_batch *b = &s->batches->v[s->batches->n++ % BATCHES_MAX];
    sl_buf_done(&b->results);
    *b = (struct sim_batch){.anthropic = anthropic, .created = sl_loop_wall(s->loop) / SL_SEC};
    sl_buf_init(&b->results, SIM_ANSWER_MAX);
    sim_make_id(c, b->id, anthropic ? "msgbatch_" : "batch_", 24);
    return b;
}

static struct sim_batch *find(struct sim *s, struct sl_str id, bool anthropic)
{
    for (size_t i = 0; s->batches != NULL && id.n > 0 && i < BATCHES_MAX; i++)
        if (s->batches->v[i].anthropic == anthropic && sl_str_eq(sl_str_c(s->batches->v[i].id), id))
            return &s->batches->v[i];
    return NULL;
}

/* ---- doing one ---- */

static struct sl_str text_of(yyjson_val *v, const char *name)
{
    return sim_str(yyjson_obj_get(v, name));
}

static unsigned tokens_of(yyjson_val *body)
{
    size_t n = 0;
    char *text = yyjson_val_write_opts(body, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL);
    sl_free(text);
    return (unsigned)(n / 4 + 1);
}

static void note_use(struct sim_call *c, struct sim_batch *b, struct sl_str model, unsigned prompt)
{
    if (b->lines++ == 0) {
        sim_keep(b->model, sizeof b->model, model);
        c->model = sl_arena_str(c->s->arena, model);
    }
    b->prompt += prompt;
    b->completion += ANSWER_TOKENS;
}

static bool do_line(struct sim_call *c, struct sim_batch *b, struct sl_str line, struct sl_buf *out)
{
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)line.p, line.n, YYJSON_READ_NOFLAG, &sim_json_alc, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc), *body = yyjson_obj_get(root, "body");
    struct sl_str id = text_of(root, "custom_id"), model = text_of(body, "model");
    bool good = id.n > 0 && model.n > 0 && sl_str_eq(text_of(root, "url"), sl_str_c(b->endpoint));
    if (good) {
        unsigned prompt = tokens_of(body);
        note_use(c, b, model, prompt);
        sl_buf_addf(out, "{\"id\":\"batch_req_%u\",\"custom_id\":", b->lines);
        sl_buf_add_json(out, id);
        sl_buf_addf(out,
                    ",\"response\":{\"status_code\":200,\"request_id\":\"req_%u\",\"body\":{\"id\":\"chatcmpl-%u\","
                    "\"object\":\"chat.completion\",\"created\":%lld,\"model\":",
                    b->lines, b->lines, (long long)b->created);
        sl_buf_add_json(out, model);
        sl_buf_addf(out,
                    ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"batched\"},"
                    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,"
                    "\"total_tokens\":%u}}},\"error\":null}\n",
                    prompt, ANSWER_TOKENS, prompt + ANSWER_TOKENS);
    }
    yyjson_doc_free(doc);
    return good;
}

static bool do_lines(struct sim_call *c, struct sim_batch *b, struct sl_str input)
{
    struct sl_buf out;
    bool good = true;
    sl_buf_init(&out, SIM_FILE_KEPT);
    while (input.n > 0 && good) {
        struct sl_str line = sl_str_cut(&input, '\n');
        good = line.n == 0 || do_line(c, b, line, &out);
    }
    good = good && b->lines > 0;
    if (good)
        sim_keep(b->output, sizeof b->output, sim_file_add(c, "output.jsonl", sl_buf_str(&out)));
    sl_buf_done(&out);
    return good;
}

static void bill(struct sim_call *c, const struct sim_batch *b)
{
    c->prompt = (uint32_t)b->prompt;
    c->out_tokens = b->completion;
    c->billed = true;
}

/* ---- OpenAI's ---- */

static void answer_batch(struct sim_call *c, const struct sim_batch *b)
{
    struct sl_buf *o = &c->sim->out;
    bool done = b->looks >= 2 && !b->cancelled;
    const char *status = b->cancelled    ? (b->looks > 2 ? "cancelled" : "cancelling")
                         : b->looks == 0 ? "validating"
                         : done          ? "completed"
                                         : "in_progress";
    sl_buf_reset(o);
    sl_buf_addf(
        o,
        "{\"id\":\"%s\",\"object\":\"batch\",\"endpoint\":\"%s\",\"errors\":null,\"input_file_id\":\"%s\","
        "\"completion_window\":\"24h\",\"status\":\"%s\",\"created_at\":%lld,\"model\":\"%s\","
        "\"request_counts\":{\"total\":%u,\"completed\":%u,\"failed\":0},\"metadata\":null,\"error_file_id\":null,",
        b->id, b->endpoint, b->input, status, (long long)b->created, b->model, b->lines, done ? b->lines : 0);
    if (done)
        sl_buf_addf(o,
                    "\"output_file_id\":\"%s\",\"completed_at\":%lld,\"usage\":{\"input_tokens\":%llu,"
                    "\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":%llu,"
                    "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":%llu}}",
                    b->output, (long long)b->created, (unsigned long long)b->prompt, (unsigned long long)b->completion,
                    (unsigned long long)(b->prompt + b->completion));
    else
        sl_buf_adds(o, SL_STR("\"output_file_id\":null}"));
    sim_answer(c, 200, SIM_JSON, sl_buf_str(o));
}

static void create_batch(struct sim_call *c, yyjson_val *root)
{
    struct sl_str input = text_of(root, "input_file_id"), content = sim_file_content(c->sim, input);
    if (content.n == 0) {
        sim_say_no(c, "Invalid 'input_file_id': no such file");
        return;
    }
    struct sim_batch *b = new_batch(c, false);
    sim_keep(b->input, sizeof b->input, input);
    sim_keep(b->endpoint, sizeof b->endpoint, text_of(root, "endpoint"));
    content = sl_arena_str(c->s->arena, content); /* a new file may take the place of this one */
    if (!do_lines(c, b, content)) {
        b->id[0] = 0;
        sim_say_no(c, "a line of the input file is invalid");
        return;
    }
    bill(c, b);
    answer_batch(c, b);
}

/* ---- Anthropic's ---- */

static void answer_message_batch(struct sim_call *c, const struct sim_batch *b)
{
    struct sl_buf *o = &c->sim->out;
    bool ended = b->looks >= 2;
    sl_buf_reset(o);
    sl_buf_addf(
        o,
        "{\"id\":\"%s\",\"type\":\"message_batch\",\"processing_status\":\"%s\",\"request_counts\":{\"processing\":%u,"
        "\"succeeded\":%u,\"errored\":0,\"canceled\":0,\"expired\":0},\"created_at\":\"2026-11-21T00:00:00Z\","
        "\"expires_at\":\"2026-11-22T00:00:00Z\",\"archived_at\":null,\"cancel_initiated_at\":null,",
        b->id,
        ended          ? "ended"
        : b->cancelled ? "canceling"
                       : "in_progress",
        ended ? 0 : b->lines, ended ? b->lines : 0);
    if (ended) {
        sl_buf_adds(o, SL_STR("\"ended_at\":\"2026-11-21T00:01:00Z\",\"results_url\":\"http://"));
        sl_buf_adds(o, c->r->authority);
        sl_buf_addf(o, "/v1/messages/batches/%s/results\"}", b->id);
    } else {
        sl_buf_adds(o, SL_STR("\"ended_at\":null,\"results_url\":null}"));
    }
    sim_answer(c, 200, SIM_JSON, sl_buf_str(o));
}

static void create_message_batch(struct sim_call *c, yyjson_val *root)
{
    size_t i, max;
    yyjson_val *v, *requests = yyjson_obj_get(root, "requests");
    if (yyjson_arr_size(requests) == 0) {
        sim_say_no(c, "requests: Field required");
        return;
    }
    struct sim_batch *b = new_batch(c, true);
    struct sl_buf *o = &b->results;
    yyjson_arr_foreach(requests, i, max, v)
    {
        yyjson_val *params = yyjson_obj_get(v, "params");
        unsigned prompt = tokens_of(params);
        note_use(c, b, text_of(params, "model"), prompt);
        sl_buf_adds(o, SL_STR("{\"custom_id\":"));
        sl_buf_add_json(o, text_of(v, "custom_id"));
        sl_buf_addf(o,
                    ",\"result\":{\"type\":\"succeeded\",\"message\":{\"id\":\"msg_%zu\",\"type\":\"message\",\"role\":"
                    "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"batched\"}],\"stop_reason\":\"end_turn\","
                    "\"stop_sequence\":null,\"model\":",
                    i);
        sl_buf_add_json(o, text_of(params, "model"));
        sl_buf_addf(o, ",\"usage\":{\"input_tokens\":%u,\"output_tokens\":%u,\"service_tier\":\"batch\"}}}}\n", prompt,
                    ANSWER_TOKENS);
    }
    bill(c, b);
    answer_message_batch(c, b);
}

static void delete_message_batch(struct sim_call *c, struct sim_batch *b)
{
    struct sl_str body = sl_arena_printf(c->s->arena, "{\"id\":\"%s\",\"type\":\"message_batch_deleted\"}", b->id);
    b->id[0] = 0;
    sim_answer(c, 200, SIM_JSON, body);
}

/* ---- routes ---- */

static void create(struct sim_call *c, struct sl_str raw, bool anthropic)
{
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, YYJSON_READ_NOFLAG, &sim_json_alc, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (anthropic)
        create_message_batch(c, root);
    else
        create_batch(c, root);
    yyjson_doc_free(doc);
}

static void by_id(struct sim_call *c, struct sim_batch *b, struct sl_str verb, bool anthropic)
{
    if (sl_str_eq(verb, SL_STR("results"))) {
        sim_answer(c, 200, SL_STR("application/x-jsonl"), sl_buf_str(&b->results));
        return;
    }
    if (c->r->method == HTTP_DELETE) {
        delete_message_batch(c, b);
        return;
    }
    b->cancelled |= sl_str_eq(verb, SL_STR("cancel"));
    b->looks++;
    if (anthropic)
        answer_message_batch(c, b);
    else
        answer_batch(c, b);
}

bool sim_batches_serve(struct sim_call *c, struct sl_str raw)
{
    static const struct sl_str root = SL_STR_INIT("/batches"), messages = SL_STR_INIT("/messages");
    struct sl_str path = c->r->path;
    if (sl_str_starts(path, SL_STR("/v1/")))
        path = sl_str_from(path, 3);
    bool anthropic = sl_str_starts(path, messages);
    if (anthropic)
        path = sl_str_from(path, messages.n);
    if (!sl_str_starts(path, root) || (path.n > root.n && path.p[root.n] != '/'))
        return false;
    c->format = &sim_batch_format;
    c->vendor = anthropic ? VENDOR_ANTHROPIC : VENDOR_OPENAI;
    struct sl_str rest = sl_str_from(path, path.n > root.n ? root.n + 1 : root.n), id = sl_str_cut(&rest, '/');
    struct sim_batch *b = find(c->sim, id, anthropic);
    if (id.n == 0 && c->r->method == HTTP_POST)
        create(c, raw, anthropic);
    else if (b == NULL)
        sim_refuse(c, &(struct sim_error){.status = 404, .type = "invalid_request_error", .message = "No such batch"});
    else
        by_id(c, b, rest, anthropic);
    return true;
}
