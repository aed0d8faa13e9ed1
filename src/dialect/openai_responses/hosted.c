/* See hosted.h. Anthropic tells of a call and of its result in two blocks (anthropic.md 2.5, November 2026): server_tool_use and
 * *_tool_result. Of Gemini's tools its own reader makes text and citations. */
#include "dialect/openai_responses/hosted.h"

#include "dialect/json_tree.h"

struct block {
    struct answer_writing *s;
    struct json_tree t;
    const struct json_node *root;
};

static struct output_item *begin(struct answer_writing *s, enum output_kind kind)
{
    output_close_open(s);
    if (s->hosted != NULL)
        output_item_close(s, s->hosted);
    return s->hosted = output_item_new(s, kind);
}

static struct sl_str inner_text(const struct block *b, const char *object, const char *name)
{
    return json_get_inside(&b->t, json_got(&b->t, b->root, sl_str_c(object)), sl_str_c(name));
}

static void web_search(struct block *b, struct sl_str query)
{
    struct output_item *item = begin(b->s, OK_WEB);
    grown_add(&item->text, b->s->t->a, query);
    output_item_announce(b->s, item);
    output_item_progress(b->s, item, "response.web_search_call.in_progress");
    output_item_progress(b->s, item, "response.web_search_call.searching");
}

static void code(struct block *b)
{
    struct output_item *item = begin(b->s, OK_CODE);
    struct sl_str text = inner_text(b, "input", "code");
    grown_add(&item->text, b->s->t->a, text.n > 0 ? text : inner_text(b, "input", "command"));
    output_item_announce(b->s, item);
    output_item_progress(b->s, item, "response.code_interpreter_call.in_progress");
    output_item_progress(b->s, item, "response.code_interpreter_call.interpreting");
}

static void mcp(struct block *b)
{
    struct output_item *item = begin(b->s, OK_MCP);
    struct sl_arena *a = b->s->t->a;
    item->space = sl_arena_str(a, json_get_inside(&b->t, b->root, SL_STR("server_name")));
    item->name = sl_arena_str(a, json_get_inside(&b->t, b->root, SL_STR("name")));
    grown_add(&item->text, a, json_escape(json_get_raw(&b->t, b->root, SL_STR("input")), a));
    output_item_announce(b->s, item);
    output_item_progress(b->s, item, "response.mcp_call.in_progress");
}

static void server_tool(struct block *b)
{
    struct sl_str name = json_get_inside(&b->t, b->root, SL_STR("name"));
    if (sl_str_starts(name, SL_STR("web_search")))
        web_search(b, inner_text(b, "input", "query"));
    else if (sl_str_starts(name, SL_STR("code_execution")) || sl_str_starts(name, SL_STR("bash_code_execution")))
        code(b);
}

static void result(struct block *b)
{
    struct output_item *item = b->s->hosted;
    if (item == NULL)
        return;
    const struct json_node *content = json_got(&b->t, b->root, SL_STR("content"));
    if (item->kind == OK_CODE)
        grown_add(&item->output, b->s->t->a, json_get_inside(&b->t, content, SL_STR("stdout")));
    if (item->kind == OK_MCP && json_kind_of(content) == JSON_ARRAY)
        for (JSON_EACH(&b->t, content, it))
            grown_add(&item->output, b->s->t->a, json_get_inside(&b->t, it, SL_STR("text")));
    output_close_open(b->s);
    output_item_close(b->s, item);
    b->s->hosted = NULL;
}

/* An item of this format already: the provider speaks it, too. */
static void own_item(struct block *b, struct sl_str raw)
{
    output_close_open(b->s);
    struct output_item *item = output_item_new(b->s, OK_RAW);
    item->raw = sl_arena_str(b->s->t->a, raw);
    output_item_announce(b->s, item);
    output_item_close(b->s, item);
}

void hosted_take(struct answer_writing *s, const struct neutral_event *e)
{
    struct block b = {.s = s};
    if (!json_tree_read(&b.t, e->raw, s->t->a))
        return;
    b.root = json_root(&b.t);
    if (json_kind_of(b.root) != JSON_OBJECT)
        return;
    if (s->t->up != NULL && sl_str_eq(s->t->up->name, SL_STR("openai-responses")))
        own_item(&b, e->raw);
    else if (sl_str_eq(e->type, SL_STR("server_tool_use")))
        server_tool(&b);
    else if (sl_str_eq(e->type, SL_STR("mcp_tool_use")))
        mcp(&b);
    else if (sl_str_ends(e->type, SL_STR("_tool_result")))
        result(&b);
}
