/* See count_tokens.h. Images are taken as IMAGE_SIDE large each way, since nobody has looked at them; files, sounds and videos by a flat
 * sum. */
#include "exchange/count_tokens.h"

#include "dialect/codec.h"
#include "tokens/chat.h"
#include "tokens/estimate.h"

#define IMAGE_SIDE 1024u      /* pixels */
#define WINDOW 1024u          /* bytes */
#define TOKENS_PER_FILE 1000u /* as tokens/estimate.c has it */

static enum tokens_role role_of(enum neutral_role r)
{
    switch (r) {
    case NR_SYSTEM:
    case NR_DEVELOPER:
        return TOKENS_ROLE_SYSTEM;
    case NR_ASSISTANT:
        return TOKENS_ROLE_ASSISTANT;
    case NR_TOOL:
        return TOKENS_ROLE_TOOL;
    case NR_USER:
        break;
    }
    return TOKENS_ROLE_USER;
}

struct counting {
    struct tokens_chat c;
    const struct tokens_set *set;
    struct sl_str model;
    uint64_t every;
    struct sl_arena *a;
};

/* A window that begins or ends within a character is a token wrong. */
static void count_plain(struct counting *g, struct sl_str plain)
{
    uint64_t tokens = 0, seen = 0;
    if (g->every <= 1 || plain.n <= 2 * WINDOW) {
        tokens_chat_text(&g->c, plain);
        return;
    }
    for (uint64_t at = 0; at < plain.n; at += g->every * WINDOW) {
        struct sl_str window = sl_str_head(sl_str_from(plain, at), WINDOW);
        tokens += tokens_of_text(g->set, g->model, window).n;
        seen += window.n;
    }
    tokens_chat_fixed(&g->c, tokens * plain.n / seen); /* plain.n < 2^32 */
}

static void count_text(struct counting *g, struct sl_str inside)
{
    count_plain(g, json_plain(inside, g->a));
}

static void count_part(struct counting *g, const struct neutral_part *p)
{
    struct tokens_chat *c = &g->c;
    switch (p->kind) {
    case NP_TOOL_CALL:
        tokens_chat_call(c, p->name, SL_STR_NONE);
        count_plain(g, p->custom ? json_plain(p->text, g->a) : p->arguments);
        break;
    case NP_IMAGE:
        tokens_chat_image(c, IMAGE_SIDE, IMAGE_SIDE, TOKENS_DETAIL_AUTO);
        break;
    case NP_FILE:
    case NP_AUDIO:
    case NP_VIDEO:
        if (p->media.source == NS_TEXT)
            count_text(g, p->media.data);
        else
            tokens_chat_fixed(c, TOKENS_PER_FILE);
        break;
    case NP_TOOL_RESULT:
        for (const struct neutral_part *in = p->content; in != NULL; in = in->next)
            if (in->kind == NP_TEXT)
                count_text(g, in->text);
            else if (in->kind == NP_IMAGE)
                tokens_chat_image(c, IMAGE_SIDE, IMAGE_SIDE, TOKENS_DETAIL_AUTO);
        break;
    default:
        count_text(g, p->text);
        break;
    }
}

static void count_tool(struct tokens_chat *c, const struct neutral_tool *tool, struct sl_arena *a)
{
    struct json_tree t;
    tokens_chat_tool(c, tool->name, json_plain(tool->description, a));
    if (tool->schema.n == 0 || !json_tree_read(&t, tool->schema, a))
        return;
    for (JSON_EACH(&t, json_get(&t, json_root(&t), SL_STR("properties")), it)) {
        const struct tokens_property p = {
            .name = json_key_of(&t, it),
            .description = json_plain_of(&t, json_get(&t, it, SL_STR("description")), a),
            .type = json_get_inside(&t, it, SL_STR("type")),
        };
        tokens_chat_property(c, &p);
    }
}

uint64_t count_request(const struct tokens_set *set, const struct neutral_request *n, struct sl_str model,
                       uint64_t every, struct sl_arena *a)
{
    struct counting g = {.set = set, .model = model, .every = every, .a = a};
    tokens_chat_init(&g.c, set, model);
    for (const struct neutral_message *m = n->messages; m != NULL; m = m->next) {
        tokens_chat_message(&g.c, role_of(m->role));
        if (m->name.n > 0)
            tokens_chat_name(&g.c, json_plain(m->name, a));
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            count_part(&g, p);
    }
    for (const struct neutral_tool *tool = n->tools; tool != NULL; tool = tool->next)
        count_tool(&g.c, tool, a);
    if (n->schema.n > 0)
        tokens_chat_schema(&g.c, n->schema);
    if (n->choice.mode == NCH_NAMED)
        tokens_chat_choice(&g.c, n->choice.names[0]);
    uint64_t tokens = tokens_chat_answer(&g.c).n;
    tokens_chat_done(&g.c);
    return tokens;
}

static bool is_text(const struct json_tree *t, const struct json_node *v)
{
    static const struct sl_str others[] = {SL_STR_INIT("model"), SL_STR_INIT("taskType"), SL_STR_INIT("type"),
                                           SL_STR_INIT("role")};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json_key_is(t, v, others[i]))
            return false;
    return v->kind == JSON_STRING && !sl_str_starts(json_inside_of(t, v), SL_STR("data:"));
}

uint64_t count_inputs(const struct tokens_set *set, const struct json_tree *body, struct sl_str model,
                      struct sl_arena *a)
{
    static const struct sl_str members[] = {SL_STR_INIT("input"),    SL_STR_INIT("inputs"),    SL_STR_INIT("texts"),
                                            SL_STR_INIT("query"),    SL_STR_INIT("documents"), SL_STR_INIT("content"),
                                            SL_STR_INIT("requests"), SL_STR_INIT("prompt")};
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json_node *v = json_got(body, json_root(body), members[i]);
        const struct json_node *end = v != NULL ? json_sibling(body, v) : NULL;
        if (end == NULL)
            end = body->nodes + body->n;
        for (; v != NULL && v < end; v++) /* nodes stand in the document's order */
            if (is_text(body, v))
                n += tokens_of_text(set, model, json_plain_of(body, v, a)).n;
            else
                n += v->kind == JSON_NUMBER && v->key_n == 0; /* a token */
    }
    return n;
}

/* What is known of the text stands for all of it: a stream's first 32 KiB, or what is no reasoning. */
uint64_t count_told(const struct tokens_set *set, const struct told *told, uint64_t bytes, uint64_t events,
                    struct sl_str model)
{
    uint64_t known = told != NULL ? told->text.n + told->aside.n : 0, n;
    struct sl_arena a;
    if (known == 0 || bytes == 0)
        return tokens_estimate_output(bytes, events);
    sl_arena_init(&a, NULL);
    n = tokens_of_text(set, model, json_plain(sl_buf_str(&told->text), &a)).n +
        tokens_of_text(set, model, json_plain(sl_buf_str(&told->aside), &a)).n;
    sl_arena_done(&a);
    return (n * bytes + known / 2) / known; /* n < 2^17, bytes < 2^47 */
}

/* Where none of the members is one of a conversation, the texts are in others (documents, requests): most of the body. */
uint64_t count_by_bytes(enum operation op, const struct request_facts *facts, struct sl_str body)
{
    bool elsewhere = facts->payload_bytes == 0 && operation_row(op)->other;
    return tokens_estimate_input(elsewhere ? body.n : facts->payload_bytes, facts->messages);
}

static const struct neutral_request *read_neutral(const struct count_from *f, struct sl_arena *a)
{
    const struct dialect *d = dialect_of(f->op);
    struct request_refusal refusal = {0};
    struct neutral_request *n = SL_ARENA_NEW(a, struct neutral_request);
    *n = (struct neutral_request){.from = d, .model = f->facts->model, .stream = f->facts->stream};
    return d->codec != NULL && d->codec->request_read(f->op, f->body, a, n, &refusal) ? n : NULL;
}

static uint64_t count_conversation(const struct tokens_set *set, const struct count_from *f, struct sl_str model,
                                   size_t text_bytes, struct sl_arena *a)
{
    const struct neutral_request *n = NULL;
    if (f->body.n <= COUNT_BODY_MAX)
        n = f->neutral != NULL ? f->neutral(f->owner) : read_neutral(f, a);
    return n != NULL ? count_request(set, n, model, 1 + f->facts->payload_bytes / text_bytes, a)
                     : tokens_estimate_text(f->body);
}

uint64_t count_asked(const struct tokens_set *set, const struct count_from *f, struct sl_str model, size_t text_bytes,
                     struct sl_arena *a)
{
    const struct operation_row *op = operation_row(f->op);
    struct json_tree read;
    if (op->generates || op->counts)
        return count_conversation(set, f, model, text_bytes, a);
    if ((op->other || f->op == OP_COMPLETIONS) && f->body.n <= COUNT_BODY_MAX &&
        (f->tree != NULL || json_tree_read(&read, f->body, a)))
        return count_inputs(set, f->tree != NULL ? f->tree : &read, model, a);
    return f->by_bytes;
}
