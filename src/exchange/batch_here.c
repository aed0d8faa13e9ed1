/* Requests about files that are held here and batches that run here: docs/internals/batches.md. All of it happens in RECALL.
 *
 *   upload     kept bytes, then those that come ─► pieces ─► PIECE ... ─► OBJECTS: the file is one ─► RESPOND
 *   create     file's row ─► BATCH ─► RESPOND, and the desk is told. Anthropic: BATCH (draft), LINES ..., BATCH
 *   download   READ or RESULTS ─► the client, a piece at a time ─► SETTLE
 *   others     one or two questions ─► RESPOND
 *
 * One question at a time is at the keeper (`waiting`); its answer wakes the exchange. */
#include "base/die.h"
#include "base/mem.h"
#include "dialect/json_peek.h"
#include "exchange/batch_int.h"
#include "exchange/exchange_int.h"
#include "http/multipart.h"

#define FIELD_MAX 256u
#define LINES_AT_ONCE 500u

enum here_phase {
    HERE_UPLOAD = 0,
    HERE_FILE_ROW, /* the file's row is written */
    HERE_FILE_DROP,
    HERE_SEND,  /* a file's bytes, or results */
    HERE_MAKE,  /* the batch's row is written */
    HERE_DRAFT, /* ... one that nobody sees */
    HERE_LINES,
    HERE_UNDO, /* it goes again, and the client is told `refused` */
    HERE_LOOK, /* at the batch, before something is done with it */
    HERE_CANCEL,
    HERE_BATCH_DROP
};

struct batch_here {
    struct exchange *x;
    enum here_phase phase;
    struct batch_rows *waiting; /* the keeper's: this exchange is its asker; NULL: nothing is asked */
    struct batch_rows *answer;  /* own: the newest */
    struct sl_str id;           /* arena: of what is made */
    bool made;                  /* its row was written: it stays */
    struct store_batch b;
    /* upload */
    struct multipart form;
    bool in_file, in_purpose, whole;
    unsigned files;
    struct sl_buf piece, purpose; /* own */
    struct sl_str filename;       /* arena */
    uint64_t at, bytes;
    /* download */
    bool answering;
    uint64_t after;
    enum store_line_state state;
    /* requests */
    struct json_peek items;
    uint64_t n_items;
    struct batch_rows *lines; /* own: read, not yet at the keeper */
};

static enum step refuse(struct exchange *x, enum gateway_error e, const char *param, struct sl_str message)
{
    return exchange_refuse_with(x, &(struct error_facts){.error = e, .param = sl_str_c(param), .message = message});
}

/* ---- questions ---- */

static void send_off(struct exchange_env *env, struct batch_rows *j)
{
    if (!env->batches_ask(env->owner, j))
        batch_rows_free(j);
}

/* What was begun and never told to anybody. */
static void drop(void *arg)
{
    struct batch_here *h = arg;
    struct batch_rows *j;
    if (!h->made && h->phase == HERE_UPLOAD && h->at > 0) {
        j = batch_rows_new(BR_FILE_GONE);
        j->id = sl_arena_str(&j->a, h->id);
        send_off(h->x->env, j);
    } else if (!h->made && (h->phase == HERE_DRAFT || h->phase == HERE_LINES)) {
        j = batch_rows_new(BR_BATCH_GONE);
        j->b.id = sl_arena_str(&j->a, h->b.id);
        send_off(h->x->env, j);
    }
    batch_rows_free(h->answer);
    batch_rows_free(h->lines);
    multipart_done(&h->form);
    sl_buf_done(&h->piece);
    sl_buf_done(&h->purpose);
}

static struct batch_here *begin(struct exchange *x, enum here_phase phase)
{
    struct batch_here *h = SL_ARENA_NEW(x->a, struct batch_here);
    h->x = x;
    h->phase = phase;
    sl_buf_init(&h->piece, SIZE_MAX / 4); /* BATCH_PIECE, and what one read brings behind it */
    sl_buf_init(&h->purpose, FIELD_MAX);
    sl_arena_on_drop(x->a, drop, h);
    x->object.here = h;
    return h;
}

static enum step ask(struct exchange *x, struct batch_rows *j)
{
    struct batch_here *h = x->object.here;
    j->asker = x;
    if (!x->env->batches_ask(x->env->owner, j)) {
        batch_rows_free(j);
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    }
    h->waiting = j;
    return STEP_WAIT;
}

void exchange_batches(struct batch_rows *j)
{
    struct exchange *x = j->asker;
    if (x == NULL) {
        batch_rows_free(j);
        return;
    }
    struct batch_here *h = x->object.here;
    SL_CHECK(h->waiting == j);
    h->waiting = NULL;
    batch_rows_free(h->answer);
    h->answer = j;
    exchange_wake(x, EV_STORED);
}

bool here_waits(const struct exchange *x)
{
    const struct batch_here *h = x->object.here;
    return h != NULL && (h->waiting != NULL || h->answering || (h->phase == HERE_UPLOAD && !h->whole));
}

void here_forget(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    if (h != NULL && h->waiting != NULL)
        h->waiting->asker = NULL;
    if (h != NULL)
        h->waiting = NULL;
}

static enum step answer(struct exchange *x, struct sl_str body)
{
    x->own_body = sl_arena_str(x->a, body);
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

static struct store_object object_of(struct exchange *x, enum store_object_kind kind, struct sl_str id,
                                     struct sl_str body)
{
    const struct store_object *row = x->object.row;
    bool known = row != NULL && row->kind == kind; /* of another key of the tenant, perhaps */
    return (struct store_object){
        .kind = kind,
        .id = id,
        .key = known ? row->key : x->key->id,
        .tenant = known ? row->tenant : x->key->tenant,
        .made_ns = sl_loop_wall(x->env->loop),
        .body = body,
        .settled = true,
    };
}

static struct sl_str new_id(struct exchange *x, const char *head)
{
    char id[SL_ID_TEXT];
    sl_id_text(sl_id_make(sl_loop_wall(x->env->loop), &x->env->loop->rand), id);
    return sl_arena_printf(x->a, "%s%s", head, id);
}

/* ---- uploads ---- */

bool here_may(const struct exchange *x)
{
    return x->env->batches_ask != NULL &&
           (x->op->object == OBJECT_MESSAGE_BATCH || (x->upload != NULL && x->dialect->errors == ERRORS_OPENAI));
}

bool here_takes(const struct exchange *x)
{
    return x->object.here != NULL;
}

static void take_data(struct batch_here *h, struct sl_str data)
{
    if (h->in_file) {
        h->bytes += data.n;
        (void)sl_buf_adds(&h->piece, data);
    } else if (h->in_purpose) {
        (void)sl_buf_adds(&h->purpose, data);
    }
}

static void take_part(struct batch_here *h)
{
    const struct multipart_part *p = &h->form.part;
    h->in_file = p->has_filename && sl_str_eq(p->name, SL_STR("file")) && h->files++ == 0;
    h->in_purpose = sl_str_eq(p->name, SL_STR("purpose"));
    if (h->in_file)
        h->filename = sl_arena_str(h->x->a, p->filename);
}

/* uploads.c has found the form to be whole and well made. */
static void take_bytes(struct batch_here *h, struct sl_str bytes)
{
    struct sl_str data;
    enum multipart_event e;
    while ((e = multipart_next(&h->form, &bytes, &data)) != MULTIPART_MORE && e != MULTIPART_BAD) {
        if (e == MULTIPART_PART)
            take_part(h);
        else if (e == MULTIPART_DATA)
            take_data(h, data);
    }
}

void here_on_body(struct exchange *x, struct sl_str bytes, bool last)
{
    struct batch_here *h = x->object.here;
    take_bytes(h, bytes);
    h->whole = last;
    x->body_done = last;
    if (h->piece.n >= BATCH_PIECE)
        http_stream_read(x->stream, false);
    if (last || h->piece.n >= BATCH_PIECE)
        exchange_wake(x, EV_BODY);
}

static enum step put_piece(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct batch_rows *j = batch_rows_new(BR_PIECE);
    j->id = sl_arena_str(&j->a, h->id);
    j->at = h->at++;
    j->bytes = sl_arena_str(&j->a, sl_buf_str(&h->piece));
    sl_buf_reset(&h->piece);
    return ask(x, j);
}

static enum step put_file(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct batch_rows *j = batch_rows_new(BR_OBJECTS);
    struct sl_buf body;
    sl_buf_init(&body, 65536);
    batch_file_write(h->id, h->filename, SL_STR("batch"), h->bytes, sl_loop_wall(x->env->loop), &body);
    x->own_body = sl_arena_str(x->a, sl_buf_str(&body));
    sl_buf_done(&body);
    struct store_object o = object_of(x, STORE_OBJECT_FILE, h->id, x->own_body);
    batch_rows_add_object(j, &o);
    j->synced = true;
    h->phase = HERE_FILE_ROW;
    return ask(x, j);
}

static enum step go_on_upload(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    if (h->answer != NULL && h->answer->found != BF_OK)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    if (h->answer != NULL)
        sl_die_at("batch_piece");
    if (uploads_failed(x))
        return uploads_refuse(x);
    if (h->bytes > x->snap->set.batches.max_bytes)
        return refuse(x, GE_BODY_TOO_LARGE, "file", SL_STR("The file is larger than 'batches.max_bytes'."));
    if (h->piece.n >= BATCH_PIECE || (h->whole && h->piece.n > 0))
        return put_piece(x);
    if (!h->whole) {
        http_stream_read(x->stream, true);
        return STEP_WAIT;
    }
    if (!sl_str_eq(sl_buf_str(&h->purpose), SL_STR("batch")))
        return refuse(x, GE_MEMBER_VALUE, "purpose",
                      SL_STR("No provider that you may use has files. This gateway holds files for batches: 'purpose' "
                             "must be \"batch\"."));
    return put_file(x);
}

static enum step file_is_here(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    if (h->answer->found != BF_OK)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    h->made = true;
    sl_die_at("batch_file");
    return answer(x, x->own_body);
}

static enum step begin_upload(struct exchange *x)
{
    struct sl_str boundary;
    struct batch_here *h = begin(x, HERE_UPLOAD);
    h->id = new_id(x, "file-");
    SL_CHECK(multipart_boundary(http_headers_get(&x->req->headers, HN_CONTENT_TYPE), &boundary));
    multipart_init(&h->form, boundary, NULL);
    take_bytes(h, sl_chunks_flat(&x->body)); /* what was kept until here */
    sl_chunks_clear(&x->body);
    h->whole = x->body_done;
    return go_on_upload(x);
}

/* ---- Anthropic's create ---- */

/* Anthropic's SDK fetches what `results_url` says, as it is. */
static struct sl_str own_address(const struct exchange *x)
{
    const struct http_header *proto = http_headers_find(&x->req->headers, HN_X_FORWARDED_PROTO);
    bool tls = x->stream->tls || (proto != NULL && sl_str_eq(proto->value, SL_STR("https")));
    return sl_arena_printf(x->a, "%s://" SL_STR_FMT, tls ? "https" : "http", SL_STR_ARG(x->req->authority));
}

static bool find_requests(struct exchange *x, struct json_peek *out)
{
    static const struct json_watch watch = {SL_STR_INIT("requests"), -1};
    struct json_member m;
    struct json_info info;
    if (json_scan(x->body_text, &watch, 1, &m, &info) != JSON_OK || m.kind != JSON_ARRAY || m.children == 0)
        return false;
    *out = json_peek_at(json_raw(x->body_text, &m));
    return true;
}

static enum step undo(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct batch_rows *j = batch_rows_new(BR_BATCH_GONE);
    j->b.id = sl_arena_str(&j->a, h->b.id);
    h->phase = HERE_UNDO;
    return ask(x, j);
}

/* Reads the next ones into h->lines. False: x->refused says what is wrong. */
static bool read_requests(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct sl_str item;
    size_t bytes = 0;
    h->lines = batch_rows_new(BR_LINES);
    h->lines->b.id = sl_arena_str(&h->lines->a, h->b.id);
    while (h->lines->n_lines < LINES_AT_ONCE && bytes < 4 * BATCH_PIECE && json_peek_item(&h->items)) {
        struct batch_line_read read;
        if (!json_peek_value(&h->items, &item))
            break;
        if (h->n_items == BATCH_LINES_ANTHROPIC) {
            x->refused = (struct error_facts){.error = GE_MEMBER_TOO_MANY,
                                              .param = SL_STR("requests"),
                                              .message = SL_STR("A batch takes 100,000 requests at most.")};
            return false;
        }
        if (!batch_request_read(item, h->n_items, x->a, &read, &x->refused))
            return false;
        struct store_line *l = batch_rows_add_line(h->lines);
        l->line = ++h->n_items;
        l->custom_id = sl_arena_str(&h->lines->a, read.custom_id);
        l->input = sl_arena_str(&h->lines->a, read.body);
        bytes += item.n;
    }
    return true;
}

static void put_self(struct exchange *x, struct batch_rows *j)
{
    struct batch_here *h = x->object.here;
    struct sl_buf body;
    sl_buf_init(&body, (size_t)1 << 20);
    batch_object_write(&h->b, &body);
    x->own_body = sl_arena_str(x->a, sl_buf_str(&body));
    sl_buf_done(&body);
    struct store_object o = object_of(x, h->b.kind, h->b.id, x->own_body);
    o.made_ns = h->b.made_ns;
    store_batch_copy(&j->b, &h->b, &j->a);
    batch_rows_add_object(j, &o);
    j->synced = true;
}

static enum step put_batch(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct batch_rows *j = batch_rows_new(BR_BATCH);
    put_self(x, j);
    h->phase = HERE_MAKE;
    return ask(x, j);
}

static enum step go_on_lines(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    if (h->answer->found != BF_OK)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    for (size_t i = 0; i < h->answer->n_lines; i++) {
        if (!h->answer->lines[i].twice)
            continue;
        x->refused = (struct error_facts){
            .error = GE_MEMBER_VALUE,
            .param = SL_STR("requests"),
            .message = sl_arena_printf(x->a, "requests.%llu.custom_id: '" SL_STR_FMT "' is used more than once.",
                                       (unsigned long long)h->answer->lines[i].line - 1,
                                       SL_STR_ARG(h->answer->lines[i].custom_id))};
        return undo(x);
    }
    if (h->phase == HERE_LINES)
        sl_die_at("batch_draft");
    h->phase = HERE_LINES;
    if (!read_requests(x))
        return undo(x);
    struct batch_rows *j = h->lines;
    h->lines = NULL;
    if (j->n_lines > 0)
        return ask(x, j);
    batch_rows_free(j);
    h->b.state = STORE_BATCH_RUNNING;
    h->b.total = h->n_items;
    return put_batch(x);
}

static void new_batch(struct exchange *x, enum store_object_kind kind, const char *head)
{
    struct batch_here *h = x->object.here;
    int64_t now = sl_loop_wall(x->env->loop);
    h->b = (struct store_batch){
        .kind = kind,
        .id = new_id(x, head),
        .key = x->key->id,
        .tenant = x->key->tenant,
        .made_ns = now,
        .expires_ns = now + x->snap->set.batches.window_ns,
    };
}

static enum step begin_requests(struct exchange *x)
{
    struct batch_here *h = begin(x, HERE_DRAFT);
    const struct http_header *betas = http_headers_find_name(&x->req->headers, SL_STR("anthropic-beta"));
    if (!find_requests(x, &h->items)) {
        h->made = true; /* there is nothing to undo */
        return refuse(x, GE_MEMBER_MISSING, "requests", SL_STR("requests: a list of at least 1 item is needed."));
    }
    new_batch(x, STORE_OBJECT_MESSAGE_BATCH, "msgbatch_");
    h->b.endpoint = own_address(x);
    h->b.betas = betas != NULL ? betas->value : SL_STR_NONE;
    h->b.began_ns = h->b.made_ns;
    struct batch_rows *j = batch_rows_new(BR_BATCH);
    store_batch_copy(&j->b, &h->b, &j->a);
    return ask(x, j);
}

enum step here_begin(struct exchange *x)
{
    return x->upload != NULL ? begin_upload(x) : begin_requests(x);
}

/* ---- OpenAI's create ---- */

static enum step begin_batch(struct exchange *x)
{
    struct batch_asked asked;
    struct error_facts why;
    if (stored_forbidden(x))
        return refuse(x, GE_UNSUPPORTED, NULL,
                      SL_STR("Nothing may be stored for this API key (zero data retention), and a batch is."));
    if (!batch_asked_read(x->body_text, x->a, &asked, &why))
        return exchange_refuse_with(x, &why);
    struct batch_here *h = begin(x, HERE_MAKE);
    new_batch(x, STORE_OBJECT_BATCH, "batch_");
    h->b.state = STORE_BATCH_VALIDATING;
    h->b.input = x->object.row->id;
    h->b.endpoint = asked.endpoint;
    h->b.metadata = asked.metadata;
    return put_batch(x);
}

static enum step batch_is_here(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    if (h->answer->found != BF_OK)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    h->made = true;
    sl_die_at("batch_row");
    x->env->batches_poke(x->env->owner);
    return answer(x, x->own_body);
}

/* ---- bytes ---- */

static enum step ask_bytes(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct batch_rows *j = batch_rows_new(h->b.id.n > 0 ? BR_RESULTS : BR_READ);
    j->b.id = sl_arena_str(&j->a, h->b.id);
    j->id = sl_arena_str(&j->a, x->object.id);
    j->at = h->after;
    j->after = h->after;
    j->state = h->state;
    return ask(x, j);
}

static void send_head(struct exchange *x)
{
    struct http_response r = {.status = 200, .content_length = HTTP_LENGTH_NONE};
    bool results = x->match.op == OP_MESSAGE_BATCH_RESULTS;
    http_headers_add_id(&r.headers, x->a, HN_CONTENT_TYPE,
                        results ? SL_STR("application/x-jsonl") : SL_STR("application/octet-stream"));
    exchange_headers(x, &r.headers);
    x->committed = true;
    x->status_sent = 200;
    x->object.here->answering = true;
    http_stream_send_head(x->stream, &r, false);
}

enum step here_break(struct exchange *x)
{
    http_stream_reset(x->stream);
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("store_unavailable"));
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}

bool here_answers(const struct exchange *x)
{
    return x->object.here != NULL && x->object.here->answering;
}

static void send_bytes(struct exchange *x, struct sl_str bytes, bool last)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
    http_stream_send_body(x->stream, &v, bytes.n > 0 ? 1 : 0, last);
}

static enum step go_on_sending(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct batch_rows *j = h->answer;
    if (j != NULL && j->found == BF_FAILED)
        return h->answering ? here_break(x) : exchange_refuse(x, GE_STORE_UNAVAILABLE);
    if (!h->answering)
        send_head(x);
    if (j != NULL && j->found == BF_NONE) {
        send_bytes(x, SL_STR_NONE, true);
        exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
        exchange_goto(x, XS_SETTLE);
        return STEP_GO;
    }
    if (j != NULL) {
        send_bytes(x, j->bytes, false);
        h->after = j->kind == BR_READ ? h->after + 1 : j->lines[j->n_lines - 1].line;
        batch_rows_free(j);
        h->answer = NULL;
    }
    return http_stream_room(x->stream) > 0 ? ask_bytes(x) : STEP_WAIT;
}

static enum step begin_sending(struct exchange *x, struct sl_str batch, enum store_line_state state)
{
    struct batch_here *h = begin(x, HERE_SEND);
    h->b.id = batch;
    h->state = state;
    x->total_due_ns = x->began_ns + x->snap->set.files.time_ns;
    return ask_bytes(x);
}

/* ---- by id ---- */

static enum step begin_file_drop(struct exchange *x)
{
    struct batch_rows *j = batch_rows_new(BR_FILE_DROP);
    begin(x, HERE_FILE_DROP);
    batch_rows_add_object(j, x->object.row);
    j->id = sl_arena_str(&j->a, x->object.id);
    j->b.id = batch_of_file(x->object.id, &j->state, &j->a);
    return ask(x, j);
}

static enum step gone(struct exchange *x, bool file)
{
    const struct batch_rows *j = x->object.here->answer;
    if (j->found == BF_FAILED)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    if (j->found == BF_NONE)
        return refuse(x, GE_OBJECT_UNKNOWN, NULL, SL_STR("It was deleted just now."));
    struct sl_str id = json_quote(x->a, x->object.id);
    return answer(
        x, sl_arena_printf(x->a, "{\"id\":" SL_STR_FMT ",%s}", SL_STR_ARG(id),
                           file ? "\"object\":\"file\",\"deleted\":true" : "\"type\":\"message_batch_deleted\""));
}

static enum step begin_look(struct exchange *x)
{
    struct batch_rows *j = batch_rows_new(BR_FIND);
    begin(x, HERE_LOOK);
    j->b.id = sl_arena_str(&j->a, x->object.id);
    return ask(x, j);
}

static enum step cancel(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct batch_rows *j = batch_rows_new(BR_CANCEL);
    h->b.cancel_ns = sl_loop_wall(x->env->loop);
    put_self(x, j);
    h->phase = HERE_CANCEL;
    return ask(x, j);
}

static enum step drop_batch(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    struct batch_rows *j = batch_rows_new(BR_BATCH_GONE);
    batch_rows_add_object(j, x->object.row);
    j->b.id = sl_arena_str(&j->a, h->b.id);
    h->phase = HERE_BATCH_DROP;
    return ask(x, j);
}

static enum step looked(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    bool cancels = x->match.op == OP_BATCH_CANCEL || x->match.op == OP_MESSAGE_BATCH_CANCEL;
    if (h->answer->found == BF_FAILED)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    if (h->answer->found == BF_NONE)
        return refuse(x, GE_OBJECT_UNKNOWN, NULL, SL_STR("It was deleted just now."));
    store_batch_copy(&h->b, &h->answer->batches[0], x->a);
    if (cancels)
        return h->b.ended_ns == 0 && h->b.cancel_ns == 0 ? cancel(x) : answer(x, x->object.row->body);
    if (h->b.ended_ns == 0)
        return refuse(x, GE_MEMBER_VALUE, NULL,
                      SL_STR("A message batch can be deleted when it has ended: cancel it first."));
    return drop_batch(x);
}

static enum step cancelled(struct exchange *x)
{
    const struct batch_rows *j = x->object.here->answer;
    if (j->found == BF_FAILED)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    x->env->batches_poke(x->env->owner);
    return answer(x, x->own_body);
}

enum step here_found(struct exchange *x)
{
    const struct store_object *row = x->object.row;
    enum store_line_state state = STORE_LINE_WAITS;
    struct sl_str batch;
    switch (x->match.op) {
    case OP_BATCH_CREATE:
        return begin_batch(x);
    case OP_FILE_CONTENT:
        batch = batch_of_file(x->object.id, &state, x->a);
        return begin_sending(x, batch, state);
    case OP_MESSAGE_BATCH_RESULTS:
        if (sl_str_find_str(row->body, SL_STR("\"processing_status\":\"ended\"")) < 0)
            return refuse(x, GE_OBJECT_UNKNOWN, NULL,
                          SL_STR("This message batch has no results yet: it has not ended."));
        return begin_sending(x, x->object.id, STORE_LINE_WAITS);
    case OP_FILE_DELETE:
        return begin_file_drop(x);
    case OP_BATCH_CANCEL:
    case OP_MESSAGE_BATCH_CANCEL:
    case OP_MESSAGE_BATCH_DELETE:
        return begin_look(x);
    default:
        return answer(x, row->body);
    }
}

enum step here_go_on(struct exchange *x)
{
    struct batch_here *h = x->object.here;
    if (h->waiting != NULL)
        return STEP_WAIT;
    switch (h->phase) {
    case HERE_UPLOAD:
        return go_on_upload(x);
    case HERE_FILE_ROW:
        return file_is_here(x);
    case HERE_FILE_DROP:
        return gone(x, true);
    case HERE_SEND:
        return go_on_sending(x);
    case HERE_MAKE:
        return batch_is_here(x);
    case HERE_DRAFT:
    case HERE_LINES:
        return go_on_lines(x);
    case HERE_UNDO:
        return exchange_refuse_with(x, &x->refused);
    case HERE_LOOK:
        return looked(x);
    case HERE_CANCEL:
        return cancelled(x);
    case HERE_BATCH_DROP:
        break;
    }
    return gone(x, false);
}

/* ---- lines, on their way ---- */

static bool keeps(const struct exchange *x, const struct route_candidate *c)
{
    return !x->snap->providers[c->provider_index].keeps_nothing;
}

bool here_fits_plan(struct exchange *x)
{
    if (!x->inside || x->snap->set.batches.zero_retention)
        return true;
    stored_filter(x, keeps, true, "its answers are not to be stored (zero_retention), and those of a batch are");
    if (x->plan.n > 0)
        return true;
    x->refused = (struct error_facts){
        .error = GE_UNSUPPORTED,
        .param = SL_STR("model"),
        .message = SL_STR("Nothing may be stored of what this model's providers answer (zero data retention), and "
                          "the results of a batch are.")};
    return false;
}
