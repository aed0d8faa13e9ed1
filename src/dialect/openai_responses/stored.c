/* The JSON of stored responses: what is read from an answer that is to be stored, and what comes back of it. Pure; the contents
 * were written by us or by a provider, and are read as if by nobody we know. openai.md 7.1, 7.5, 7.7; 1.4 for pages. */
#include "base/map.h"
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "dialect/openai_responses/answer_writing.h"
#include "dialect/openai_responses/openai_responses.h"
#include "http/url.h"

#define ITEMS_KEPT_MAX 10000u /* ids of one answer */

bool responses_id_is(struct sl_str plain)
{
    for (size_t i = 0; i < plain.n; i++) {
        char c = plain.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '-' || c == '.' || c == ':';
        if (!fine)
            return false;
    }
    return plain.n > 0 && plain.n <= RESPONSE_ID_MAX;
}

/* -- From an answer ------------------------------------------------------------------------------------------------- */

/* The data of the last event that has some; a body as it is. */
static struct sl_str last_data(struct sl_str said)
{
    while (said.n > 0 && strchr(" \t\r\n", said.p[0]) != NULL && said.p[0] != 0)
        said = sl_str_from(said, 1);
    if (said.n == 0 || said.p[0] == '{')
        return said;
    for (size_t at = said.n; at > 0; at--) {
        struct sl_str line = sl_str_from(said, at - 1);
        bool first = at == 1 || said.p[at - 2] == '\n' || said.p[at - 2] == '\r';
        if (!first || !sl_str_starts(line, SL_STR("data:")))
            continue;
        size_t n = 0;
        while (n < line.n && line.p[n] != '\n' && line.p[n] != '\r')
            n++;
        return sl_str_trim(sl_str_from(sl_str_head(line, n), 5));
    }
    return SL_STR_NONE;
}

static void read_output_ids(const struct json_tree *t, const struct json_node *output, struct sl_arena *a,
                            struct responses_kept *out)
{
    if (json_kind_of(output) != JSON_ARRAY || output->children == 0)
        return;
    size_t most = output->children < ITEMS_KEPT_MAX ? output->children : ITEMS_KEPT_MAX;
    struct sl_str *ids = sl_arena_alloc(a, most * sizeof *ids);
    for (JSON_EACH(t, output, it)) {
        struct sl_str id = json_plain_of(t, json_get(t, it, SL_STR("id")), a);
        if (responses_id_is(id) && out->n_items < most)
            ids[out->n_items++] = id;
    }
    out->items = ids;
}

bool responses_kept_read(struct sl_str said, struct sl_arena *a, struct responses_kept *out)
{
    struct json_tree t;
    *out = (struct responses_kept){.stored = false};
    if (!json_tree_read(&t, last_data(said), a))
        return false;
    const struct json_node *root = json_root(&t), *inner = json_got(&t, root, SL_STR("response"));
    if (json_kind_of(inner) == JSON_OBJECT)
        root = inner;
    if (!json_text_is(&t, json_get(&t, root, SL_STR("object")), SL_STR("response")))
        return false;
    out->object = json_raw_of(&t, root);
    out->id = json_plain_of(&t, json_get(&t, root, SL_STR("id")), a);
    out->stored = json_kind_of(json_get(&t, root, SL_STR("store"))) != JSON_FALSE;
    read_output_ids(&t, json_get(&t, root, SL_STR("output")), a, out);
    return responses_id_is(out->id);
}

/* The first event's data, or the body; it may be cut anywhere. */
static struct sl_str first_data(struct sl_str said)
{
    while (said.n > 0 && said.p[0] != '{') {
        struct sl_str line = sl_str_cut(&said, '\n');
        if (sl_str_starts(line, SL_STR("data:")))
            return sl_str_trim(sl_str_from(line, 5));
    }
    return said;
}

struct sl_str responses_id_peek(struct sl_str said)
{
    struct sl_str json = first_data(said), value;
    if (json.n == 0 || json.p[0] != '{')
        return SL_STR_NONE;
    struct json_peek k = json_peek_at(json);
    while (json_peek_key(&k)) {
        if (sl_str_eq(k.key, SL_STR("response")) && json_peek_opens(&k, '{')) {
            k = json_peek_enter(&k);
            continue;
        }
        bool id = sl_str_eq(k.key, SL_STR("id"));
        if (!json_peek_value(&k, &value))
            break;
        if (id && value.n > 2 && responses_id_is(sl_str_of(value.p + 1, value.n - 2)))
            return sl_str_of(value.p + 1, value.n - 2);
    }
    return SL_STR_NONE;
}

/* -- Turns ---------------------------------------------------------------------------------------------------------- */

/* Walks the items of turns. */
typedef void turn_item_f(void *arg, const struct json_tree *t, const struct json_node *item);

static void each_item(struct sl_str json, bool is_object, struct sl_arena *a, turn_item_f *f, void *arg)
{
    struct json_tree t;
    if (json.n == 0 || !json_tree_read(&t, json, a))
        return;
    const struct json_node *list = is_object ? json_get(&t, json_root(&t), SL_STR("output")) : json_root(&t);
    if (json_kind_of(list) != JSON_ARRAY)
        return;
    for (JSON_EACH(&t, list, it))
        if (it->kind == JSON_OBJECT)
            f(arg, &t, it);
}

static void each_turn_item(const struct responses_turn *turn, struct sl_arena *a, turn_item_f *f, void *arg)
{
    each_item(turn->input, false, a, f, arg);
    each_item(turn->body, true, a, f, arg);
}

struct again {
    struct json_writer w;
    uint32_t n;
};

/* Ids are the gateway's: another provider would look for them in its own store. Reasoning must have one. */
static void write_again(void *arg, const struct json_tree *t, const struct json_node *item)
{
    struct again *to = arg;
    struct json_writer *w = &to->w;
    bool keep = json_text_is(t, json_get(t, item, SL_STR("type")), SL_STR("reasoning"));
    jw_open(w, '{');
    for (JSON_EACH(t, item, it)) {
        if (!keep && json_key_is(t, it, SL_STR("id")))
            continue;
        jw_key_inside(w, json_key_of(t, it));
        jw_raw(w, json_raw_of(t, it));
    }
    jw_close(w, '}');
    to->n++;
}

uint32_t responses_turns_items(const struct responses_turn *turns, size_t n, struct sl_arena *a, struct sl_buf *out)
{
    struct again to = {.w = json_writer_on(out)};
    jw_open(&to.w, '[');
    for (size_t i = 0; i < n; i++)
        each_turn_item(&turns[i], a, write_again, &to);
    jw_close(&to.w, ']');
    return to.n;
}

struct indexed {
    struct sl_str raw;
};

struct responses_index {
    struct sl_map by_id; /* -> struct indexed */
    struct sl_arena *a;
};

static void drop_index(void *arg)
{
    struct responses_index *x = arg;
    sl_map_done(&x->by_id);
}

static void index_item(void *arg, const struct json_tree *t, const struct json_node *item)
{
    struct responses_index *x = arg;
    struct sl_str id = json_plain_of(t, json_get(t, item, SL_STR("id")), x->a);
    if (!responses_id_is(id))
        return;
    struct indexed *v = SL_ARENA_NEW(x->a, struct indexed);
    v->raw = json_raw_of(t, item);
    sl_map_put(&x->by_id, id, v);
}

struct responses_index *responses_index_new(const struct responses_turn *turns, size_t n, struct sl_arena *a)
{
    struct responses_index *x = SL_ARENA_NEW(a, struct responses_index);
    x->a = a;
    sl_map_init(&x->by_id);
    sl_arena_on_drop(a, drop_index, x);
    for (size_t i = 0; i < n; i++)
        each_turn_item(&turns[i], a, index_item, x);
    return x;
}

struct sl_str responses_index_find(void *index, struct sl_str id)
{
    struct responses_index *x = index;
    const struct indexed *v = sl_map_get(&x->by_id, id);
    return v != NULL ? v->raw : SL_STR_NONE;
}

size_t responses_references(struct sl_str body, struct sl_arena *a, struct sl_str **out_ids)
{
    struct json_tree t;
    size_t n = 0;
    if (sl_str_find_str(body, SL_STR("item_reference")) < 0 || !json_tree_read(&t, body, a))
        return 0;
    const struct json_node *input = json_get(&t, json_root(&t), SL_STR("input"));
    if (json_kind_of(input) != JSON_ARRAY || input->children == 0)
        return 0;
    struct sl_str *ids = sl_arena_alloc(a, REFERENCES_MAX * sizeof *ids);
    for (JSON_EACH(&t, input, it)) {
        if (n < REFERENCES_MAX && json_text_is(&t, json_get(&t, it, SL_STR("type")), SL_STR("item_reference")))
            ids[n++] = json_plain_of(&t, json_get(&t, it, SL_STR("id")), a);
    }
    *out_ids = ids;
    return n;
}

/* -- Pages of input items ------------------------------------------------------------------------------------------- */

static bool refuse(struct request_refusal *out, const char *param, const char *message)
{
    out->error = (struct error_facts){.error = GE_MEMBER_VALUE, .param = sl_str_c(param), .message = sl_str_c(message)};
    return false;
}

bool responses_page_read(struct sl_str query, struct sl_arena *a, struct responses_page *out,
                         struct request_refusal *out_refusal)
{
    struct sl_str v;
    *out = (struct responses_page){.limit = 20};
    *out_refusal = (struct request_refusal){.at = 0};
    if (url_query_find(query, SL_STR("limit"), &v) &&
        (!sl_str_to_u64(v, &out->limit) || out->limit < 1 || out->limit > 100))
        return refuse(out_refusal, "limit", "'limit' must be a number from 1 to 100.");
    if (url_query_find(query, SL_STR("order"), &v)) {
        out->ascending = sl_str_eq(v, SL_STR("asc"));
        if (!out->ascending && !sl_str_eq(v, SL_STR("desc")))
            return refuse(out_refusal, "order", "'order' must be 'asc' or 'desc'.");
    }
    if (url_query_find(query, SL_STR("after"), &v) && v.n > 0) {
        char *plain = sl_arena_alloc(a, v.n);
        size_t n = 0;
        if (!url_decode(v, plain, &n) || !responses_id_is(sl_str_of(plain, n)))
            return refuse(out_refusal, "after", "'after' must be the id of an item.");
        out->after = sl_str_of(plain, n);
    }
    return true;
}

struct listed {
    struct sl_str id; /* plain */
    struct sl_str raw;
};

struct listing {
    struct sl_arena *a;
    struct listed *v;
    size_t n, cap;
};

/* Content as a list of parts, as the service gives it. */
static void write_content(struct json_writer *w, const struct json_tree *t, const struct json_node *item,
                          const struct json_node *content)
{
    bool ours = json_text_is(t, json_get(t, item, SL_STR("role")), SL_STR("assistant"));
    jw_open(w, '[');
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("type"), ours ? SL_STR("output_text") : SL_STR("input_text"));
    jw_member_raw(w, SL_STR("text"), json_raw_of(t, content));
    if (ours)
        jw_member_raw(w, SL_STR("annotations"), SL_STR("[]"));
    jw_close(w, '}');
    jw_close(w, ']');
}

static struct sl_str as_listed(struct sl_arena *a, const struct json_tree *t, const struct json_node *item)
{
    const struct json_node *content = json_get(t, item, SL_STR("content"));
    struct sl_buf b;
    if (json_kind_of(content) != JSON_STRING)
        return json_raw_of(t, item);
    sl_buf_init(&b, (size_t)item->n + 1024);
    struct json_writer w = json_writer_on(&b);
    jw_open(&w, '{');
    for (JSON_EACH(t, item, it)) {
        jw_key_inside(&w, json_key_of(t, it));
        if (it == content)
            write_content(&w, t, item, content);
        else
            jw_raw(&w, json_raw_of(t, it));
    }
    if (json_get(t, item, SL_STR("status")) == NULL)
        jw_member_plain(&w, SL_STR("status"), SL_STR("completed"));
    jw_close(&w, '}');
    struct sl_str raw = sl_arena_str(a, sl_buf_str(&b));
    sl_buf_done(&b);
    return raw;
}

static void list_item(void *arg, const struct json_tree *t, const struct json_node *item)
{
    struct listing *l = arg;
    if (l->n == l->cap) {
        l->cap = l->cap > 0 ? 2 * l->cap : 32;
        l->v = sl_arena_grow(l->a, l->v, l->n, l->cap, sizeof *l->v);
    }
    l->v[l->n++] =
        (struct listed){.id = json_plain_of(t, json_get(t, item, SL_STR("id")), l->a), .raw = as_listed(l->a, t, item)};
}

/* Index of the first to show, in the order asked for; false: `after` is none. */
static bool find_start(const struct listing *l, const struct responses_page *page, size_t *out)
{
    *out = 0;
    if (page->after.n == 0)
        return true;
    for (size_t i = 0; i < l->n; i++) {
        if (sl_str_eq(l->v[i].id, page->after)) {
            *out = (page->ascending ? i : l->n - 1 - i) + 1;
            return true;
        }
    }
    return false;
}

bool responses_page_write(const struct responses_turn *turns, size_t n, const struct responses_page *page,
                          struct sl_arena *a, struct sl_buf *out)
{
    struct listing l = {.a = a};
    struct json_writer w = json_writer_on(out);
    size_t from = 0;
    for (size_t i = 0; i + 1 < n; i++)
        each_turn_item(&turns[i], a, list_item, &l);
    if (n > 0)
        each_item(turns[n - 1].input, false, a, list_item, &l);
    if (!find_start(&l, page, &from))
        return false;
    size_t to = l.n - from > page->limit ? from + page->limit : l.n;
    struct sl_str first = SL_STR_NONE, last = SL_STR_NONE;
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("object"), SL_STR("list"));
    jw_key(&w, SL_STR("data"));
    jw_open(&w, '[');
    for (size_t i = from; i < to; i++) {
        const struct listed *it = &l.v[page->ascending ? i : l.n - 1 - i];
        jw_raw(&w, it->raw);
        first = i == from ? it->id : first;
        last = it->id;
    }
    jw_close(&w, ']');
    if (to > from) {
        jw_member_plain(&w, SL_STR("first_id"), first);
        jw_member_plain(&w, SL_STR("last_id"), last);
    } else {
        jw_member_null(&w, SL_STR("first_id"));
        jw_member_null(&w, SL_STR("last_id"));
    }
    jw_member_bool(&w, SL_STR("has_more"), to < l.n);
    jw_close(&w, '}');
    return true;
}

/* -- Objects -------------------------------------------------------------------------------------------------------- */

static void write_failure(struct json_writer *w, struct sl_str message)
{
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("code"), SL_STR("server_error"));
    jw_member_plain(w, SL_STR("message"), message);
    jw_close(w, '}');
}

bool responses_object_as(struct sl_str object, struct sl_str status, struct sl_str message, struct sl_arena *a,
                         struct sl_buf *out)
{
    struct json_tree t;
    struct json_writer w = json_writer_on(out);
    if (!json_tree_read(&t, object, a) || json_kind_of(json_root(&t)) != JSON_OBJECT)
        return false;
    jw_open(&w, '{');
    for (JSON_EACH(&t, json_root(&t), it)) {
        jw_key_inside(&w, json_key_of(&t, it));
        if (json_key_is(&t, it, SL_STR("status")))
            jw_plain(&w, status);
        else if (json_key_is(&t, it, SL_STR("error")) && message.n > 0)
            write_failure(&w, message);
        else
            jw_raw(&w, json_raw_of(&t, it));
    }
    jw_close(&w, '}');
    return true;
}

bool responses_is_background(struct sl_str object, struct sl_arena *a)
{
    struct json_tree t;
    return json_tree_read(&t, object, a) &&
           json_kind_of(json_get(&t, json_root(&t), SL_STR("background"))) == JSON_TRUE;
}

void responses_queued_write(const struct neutral_request *req, struct sl_str id, int64_t created_s, struct sl_arena *a,
                            struct sl_buf *out)
{
    struct translation *t = SL_ARENA_NEW(a, struct translation);
    *t = (struct translation){.face = &openai_responses_dialect, .req = req, .id = id, .created_s = created_s, .a = a};
    struct answer_writing *s = answer_writing_new(t, out, WITHOUT_EVENTS);
    write_response_object(s, &s->w, RS_QUEUED, NULL);
}

void responses_deleted_write(struct sl_str id, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("id"), id);
    jw_member_plain(&w, SL_STR("object"), SL_STR("response"));
    jw_member_bool(&w, SL_STR("deleted"), true);
    jw_close(&w, '}');
}

void responses_count_write(uint64_t tokens, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("object"), SL_STR("response.input_tokens"));
    jw_member_u64(&w, SL_STR("input_tokens"), tokens);
    jw_close(&w, '}');
}
