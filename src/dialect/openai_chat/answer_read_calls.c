/* Calls of tools, as servers of many makes send them: with and without index, with ids that are empty, repeated or the same for all,
 * the name first or second, arguments as text or as an object. Source: openai-compatible.md 2 (9), 14, 15;
 * translate-openai-anthropic.md 7 (November 2026). */
#include "base/list.h"
#include "dialect/carrier.h"
#include "dialect/openai_chat/chat_answer.h"

/* -- Whether arguments are whole ------------------------------------------------------------------------------------------------ */

static void balance_char(struct json_balance *b, char c)
{
    if (b->escape) {
        b->escape = false;
    } else if (b->in_string) {
        b->escape = c == '\\';
        b->in_string = c != '"';
    } else if (c == '"') {
        b->in_string = true;
    } else if (c == '{' || c == '[') {
        b->depth++;
        b->begun = true;
    } else if ((c == '}' || c == ']') && b->depth > 0) {
        b->depth--;
    }
}

/* One character of an inside: an escape stands for one. Gives how many bytes it takes. */
static size_t inside_char(struct sl_str s, char *out)
{
    static const char hex[] = "0123456789abcdef";
    *out = s.p[0];
    if (s.p[0] != '\\' || s.n < 2)
        return 1;
    *out = s.p[1];
    if (s.p[1] != 'u' || s.n < 6) {
        if (s.p[1] != '"' && s.p[1] != '\\' && s.p[1] != '/')
            *out = ' ';
        return 2;
    }
    unsigned v = 0;
    for (int i = 2; i < 6; i++) {
        const char *digit = memchr(hex, sl_lower(s.p[i]), 16);
        v = v << 4 | (digit != NULL ? (unsigned)(digit - hex) : 0);
    }
    *out = v < 0x80 ? (char)v : 'x';
    return 6;
}

static void balance_feed(struct json_balance *b, struct sl_str inside)
{
    while (inside.n > 0) {
        char c;
        size_t n = inside_char(inside, &c);
        balance_char(b, c);
        inside = sl_str_from(inside, n);
    }
}

static bool is_whole(const struct chat_call *k)
{
    return k->balance.begun && k->balance.depth == 0 && !k->balance.in_string;
}

/* -- Which call a fragment belongs to --------------------------------------------------------------------------------------------- */

struct fragment {
    uint32_t index;
    struct sl_str id, name; /* inside */
    struct sl_str text;     /* inside; of the arguments or the input */
    struct sl_str signature;
    bool custom;
};

static struct chat_call *newest(struct chat_choice *c, const struct fragment *f, bool by_index)
{
    struct chat_call *found = NULL;
    for (struct chat_call *k = c->first_call; k != NULL; k = k->next)
        if (by_index ? k->index == f->index : sl_str_eq(k->given_id, f->id))
            found = k;
    return found;
}

/* Index 0 for all of them, as Google's endpoint and old Ollama count: another id, or whole arguments behind whole ones. */
static bool is_another(const struct chat_call *k, const struct fragment *f)
{
    bool other_id = f->id.n > 0 && k->given_id.n > 0 && !sl_str_eq(f->id, k->given_id);
    bool again = is_whole(k) && f->text.n > 0 && f->text.p[0] == '{';
    return f->name.n > 0 && k->name.n > 0 && (other_id || again);
}

static struct chat_call *existing(struct chat_choice *c, const struct fragment *f)
{
    if (f->index != CHAT_NO_INDEX) {
        struct chat_call *k = newest(c, f, true);
        return k != NULL && is_another(k, f) ? NULL : k;
    }
    if (f->id.n > 0) {
        struct chat_call *k = newest(c, f, false);
        return k != NULL && f->name.n > 0 && is_whole(k) ? NULL : k;
    }
    struct chat_call *last = c->last_call;
    if (f->name.n == 0 || last == NULL)
        return last;
    bool goes_on = sl_str_eq(last->name, f->name) && last->balance.begun && !is_whole(last);
    return goes_on ? last : NULL;
}

/* NULL: too many, or nothing that says that there is a call. */
static struct chat_call *call_for(struct chat_reader *r, struct chat_choice *c, const struct fragment *f)
{
    struct chat_call *k = existing(c, f);
    if (k != NULL || (f->id.n == 0 && f->name.n == 0 && f->index == CHAT_NO_INDEX))
        return k;
    if (c->n_calls >= CHAT_CALLS_MAX) {
        r->too_much = true;
        return NULL;
    }
    k = SL_ARENA_NEW(r->t->a, struct chat_call);
    k->index = f->index;
    SL_APPEND(c->first_call, c->last_call, k);
    c->n_calls++;
    return k;
}

/* -- Told ------------------------------------------------------------------------------------------------------------------------- */

static bool is_taken(const struct chat_choice *c, const struct chat_call *self, struct sl_str id)
{
    for (const struct chat_call *k = c->first_call; k != NULL; k = k->next)
        if (k != self && k->begun && sl_str_eq(k->id, id))
            return true;
    return false;
}

/* The server's id; ours where there is none, or where it was given to another call of the same answer. */
static struct sl_str id_for(struct chat_reader *r, uint32_t choice, const struct chat_call *k)
{
    const struct chat_choice *c = r->choices[choice];
    if (k->given_id.n == 0)
        return sl_arena_printf(r->t->a, "call_" SL_STR_FMT "_%u_%u", SL_STR_ARG(r->t->id), choice, c->n_begun);
    if (is_taken(c, k, k->given_id))
        return sl_arena_printf(r->t->a, SL_STR_FMT "_%u", SL_STR_ARG(k->given_id), c->n_begun);
    return k->given_id;
}

static void put_args(struct chat_reader *r, uint32_t choice, const struct chat_call *k, struct sl_str text)
{
    struct neutral_event e = {.kind = NE_CALL_ARGS, .block = k->block, .call = k->ordinal, .text = text};
    if (text.n > 0)
        chat_put(r, choice, &e);
}

static void put_end(struct chat_reader *r, uint32_t choice, struct chat_call *k)
{
    if (!k->begun || k->ended)
        return;
    k->ended = true;
    if (k->wrapped) { /* {"input": "text"}: the text is the input */
        struct json_tree tree;
        struct sl_str all = chat_text_join(r, &k->kept);
        const struct json_node *input = NULL;
        if (json_tree_read(&tree, json_plain(all, r->t->a), r->t->a))
            input = json_get(&tree, json_root(&tree), SL_STR("input"));
        put_args(r, choice, k, json_kind_of(input) == JSON_STRING ? json_inside_of(&tree, input) : all);
    }
    struct neutral_event e = {.kind = NE_CALL_END, .block = k->block, .call = k->ordinal};
    chat_put(r, choice, &e);
}

/* Once its name is known. An id that is not there by then will not come. */
static void begin(struct chat_reader *r, uint32_t choice, struct chat_call *k)
{
    struct chat_choice *c = r->choices[choice];
    if (k->begun || k->name.n == 0)
        return;
    for (struct chat_call *before = c->first_call; before != k; before = before->next)
        if (is_whole(before))
            put_end(r, choice, before);
    chat_open_block(r, choice, CB_CALL);
    k->id = id_for(r, choice, k);
    k->begun = true;
    k->ordinal = c->n_begun++;
    k->block = c->block;
    struct sl_str name = names_back(&r->t->names, k->name);
    k->wrapped = !k->custom && translation_is_wrapped(r->t, name);
    struct neutral_event e = {.kind = NE_CALL_BEGIN, .block = k->block, .call = k->ordinal};
    e.id = k->id;
    e.name = name;
    e.custom = k->custom || k->wrapped;
    e.signature = k->signature;
    chat_put(r, choice, &e);
    if (k->wrapped)
        return;
    put_args(r, choice, k, chat_text_join(r, &k->kept));
    k->kept = (struct chat_text){.first = NULL};
}

static void add_text(struct chat_reader *r, uint32_t choice, struct chat_call *k, struct sl_str text)
{
    if (text.n == 0 || k->ended)
        return;
    balance_feed(&k->balance, text);
    if (k->begun && !k->wrapped)
        put_args(r, choice, k, text);
    else
        chat_text_add(r, &k->kept, text);
}

static void take_fragment(struct chat_reader *r, uint32_t choice, const struct fragment *f)
{
    struct chat_call *k = call_for(r, r->choices[choice], f);
    if (k == NULL)
        return;
    if (k->given_id.n == 0 && f->id.n > 0)
        k->given_id = json_ident(chat_keep(r, f->id), r->t->a);
    if (k->name.n == 0 && f->name.n > 0)
        k->name = json_ident(chat_keep(r, f->name), r->t->a);
    if (f->signature.n > 0 && !k->begun)
        k->signature =
            carrier_pack(r->t->a, CARRIER_GOOGLE, carrier_family(r->t->up_model), json_plain(f->signature, r->t->a));
    k->custom |= f->custom;
    begin(r, choice, k);
    add_text(r, choice, k, f->text);
}

/* -- Read --------------------------------------------------------------------------------------------------------------------------- */

static struct sl_str arguments_of(struct chat_reader *r, const struct json_node *v)
{
    if (json_kind_of(v) == JSON_OBJECT || json_kind_of(v) == JSON_ARRAY)
        return json_escape(json_raw_of(&r->tree, v), &r->scratch);
    return json_inside_of(&r->tree, v);
}

static void take_call(struct chat_reader *r, uint32_t choice, const struct json_node *v)
{
    const struct json_tree *t = &r->tree;
    const struct json_node *custom = json_got(t, v, SL_STR("custom")), *function = json_got(t, v, SL_STR("function"));
    const struct json_node *google = json_get(t, json_get(t, v, SL_STR("extra_content")), SL_STR("google"));
    uint64_t index = CHAT_NO_INDEX;
    struct fragment f = {.index = CHAT_NO_INDEX, .id = chat_member(r, v, SL_STR("id"))};
    if (json_u64_of(t, json_get(t, v, SL_STR("index")), &index) && index < CHAT_LEGACY_INDEX)
        f.index = (uint32_t)index;
    f.custom = custom != NULL && function == NULL;
    f.name = chat_member(r, f.custom ? custom : function, SL_STR("name"));
    f.text = f.custom ? chat_member(r, custom, SL_STR("input"))
                      : arguments_of(r, json_get(t, function, SL_STR("arguments")));
    f.signature = chat_member(r, google, SL_STR("thought_signature"));
    if (json_kind_of(v) == JSON_OBJECT)
        take_fragment(r, choice, &f);
}

void chat_take_calls(struct chat_reader *r, uint32_t choice, const struct json_node *calls)
{
    if (json_kind_of(calls) != JSON_ARRAY || r->choices[choice]->stopped)
        return;
    for (JSON_EACH(&r->tree, calls, it))
        take_call(r, choice, it);
}

void chat_take_function_call(struct chat_reader *r, uint32_t choice, const struct json_node *call)
{
    const struct fragment f = {.index = CHAT_LEGACY_INDEX,
                               .name = chat_member(r, call, SL_STR("name")),
                               .text = arguments_of(r, json_get(&r->tree, call, SL_STR("arguments")))};
    bool empty = json_kind_of(call) != JSON_OBJECT || (f.name.n == 0 && f.text.n == 0);
    if (!empty && !r->choices[choice]->stopped)
        take_fragment(r, choice, &f);
}

void chat_end_calls(struct chat_reader *r, uint32_t choice)
{
    for (struct chat_call *k = r->choices[choice]->first_call; k != NULL; k = k->next)
        put_end(r, choice, k);
}
