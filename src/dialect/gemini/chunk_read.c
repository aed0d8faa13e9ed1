/* A GenerateContentResponse as events: the whole answer, or one chunk of a stream. gemini.md 7, 8.3; translate-gemini.md 8, 9
 * (November 2026).
 *
 * A finishReason is not the end: some models send one with every chunk, and calls come before it. So it is remembered, and told when
 * the bytes are over. The same for grounding, which comes more than once: the last counts. Usage grows; each report is merged into
 * what is known. */
#include "dialect/gemini/gemini_int.h"

#include "base/hash.h"

#define CHOICES_MAX 16u

enum block_kind {
    BLOCK_NONE = 0,
    BLOCK_TEXT,
    BLOCK_THOUGHT,
    BLOCK_OTHER /* never goes on */
};

struct gem_choice {
    bool seen, content, called;
    enum block_kind last;
    uint32_t block, calls, parts;
    struct sl_str finish, message; /* inside, in the arena */
    struct sl_str grounding;       /* raw, in the arena */
    struct gem_partial *partial;   /* a call whose arguments still come */
    struct sl_str partial_id, partial_name, partial_signature;
    struct gem_text_map map;
};

struct gem_answer {
    struct translation *t;
    struct sl_arena tmp; /* of one chunk: a stream may be long */
    bool started, failed;
    struct sl_str id;      /* responseId, in the arena */
    struct sl_str blocked; /* why the prompt was: in the arena */
    struct gem_usage usage;
    struct gem_choice choices[CHOICES_MAX];
};

/* A chunk on its way. */
struct chunk {
    struct gem_answer *x;
    struct json_tree t;
    const struct neutral_sink *to;
    struct gem_choice *c;
    uint32_t choice;
};

static bool read_chunk(struct chunk *k, const struct json_node *root);
static bool read_candidate(struct chunk *k, const struct json_node *v, uint32_t position);
static bool read_part(struct chunk *k, const struct json_node *v);

static void drop_chunk(void *tmp)
{
    sl_arena_done(tmp);
}

struct gem_answer *gem_answer_begin(struct translation *t)
{
    struct gem_answer *x = SL_ARENA_NEW(t->a, struct gem_answer);
    x->t = t;
    sl_arena_init(&x->tmp, t->a->cache);
    sl_arena_on_drop(t->a, drop_chunk, &x->tmp);
    return x;
}

bool gem_answer_chunk(struct gem_answer *x, struct sl_str chunk, const struct neutral_sink *to)
{
    struct chunk k = {.x = x, .to = to};
    if (x->failed)
        return true;
    sl_arena_reset(&x->tmp);
    if (!json_tree_read(&k.t, chunk, &x->tmp))
        return false;
    const struct json_node *root = json_root(&k.t);
    if (root->kind != JSON_ARRAY)
        return root->kind == JSON_OBJECT && read_chunk(&k, root);
    for (JSON_EACH(&k.t, root, it))
        if (it->kind != JSON_OBJECT || !read_chunk(&k, it))
            return false;
    return true;
}

static void put(struct chunk *k, struct neutral_event e)
{
    e.choice = k->choice;
    e.block = k->c != NULL ? k->c->block : 0;
    neutral_put(k->to, &e);
}

/* -- The frame ------------------------------------------------------------------------------------------------------------------ */

static void take_error(struct chunk *k, const struct json_node *root)
{
    struct neutral_event e = {.kind = NE_ERROR};
    if (!gem_error_read(json_raw_of(&k->t, root), &k->x->tmp, &e.error))
        e.error.message = SL_STR("The provider sent an error.");
    k->x->failed = true;
    put(k, e);
}

static void start(struct chunk *k, const struct json_node *root)
{
    struct gem_answer *x = k->x;
    if (x->started)
        return;
    x->started = true;
    x->id = sl_arena_str(x->t->a, gem_get_inside(&k->t, root, SL_STR("responseId")));
    put(k, (struct neutral_event){.kind = NE_START,
                                  .id = x->id,
                                  .model = gem_get_inside(&k->t, root, SL_STR("modelVersion")),
                                  .tier = x->usage.tier,
                                  .usage = gem_usage_counts(&x->usage)});
}

static void tell_usage(struct gem_answer *x, const struct neutral_sink *to)
{
    struct neutral_event e = {.kind = NE_USAGE, .usage = gem_usage_counts(&x->usage), .tier = x->usage.tier};
    if (e.usage.found)
        neutral_put(to, &e);
}

static void take_feedback(struct chunk *k, const struct json_node *feedback)
{
    const struct json_node *reason = gem_get(&k->t, feedback, SL_STR("blockReason"));
    struct sl_str word = json_kind_of(reason) == JSON_NUMBER ? json_raw_of(&k->t, reason)
                                                             : json_inside_of(&k->t, reason);
    struct sl_str message = gem_get_inside(&k->t, feedback, SL_STR("blockReasonMessage"));
    if (word.n > 0 || message.n > 0)
        k->x->blocked = sl_arena_str(k->x->t->a, message.n > 0 ? message : word);
}

static bool read_chunk(struct chunk *k, const struct json_node *root)
{
    struct gem_answer *x = k->x;
    const struct json_node *candidates = gem_get(&k->t, root, SL_STR("candidates"));
    k->c = NULL;
    k->choice = 0;
    if (x->failed)
        return true;
    if (gem_get(&k->t, root, SL_STR("error")) != NULL) {
        take_error(k, root);
        return true;
    }
    struct sl_str usage = gem_get_raw(&k->t, root, SL_STR("usageMetadata"));
    gem_usage_add(&x->usage, usage);
    take_feedback(k, gem_get(&k->t, root, SL_STR("promptFeedback")));
    start(k, root);
    if (candidates != NULL && candidates->kind != JSON_ARRAY)
        return false;
    uint32_t position = 0;
    for (JSON_EACH(&k->t, candidates, it))
        if (it->kind != JSON_OBJECT || !read_candidate(k, it, position++))
            return false;
    if (usage.n > 0)
        tell_usage(x, k->to);
    return true;
}

/* -- Candidates ------------------------------------------------------------------------------------------------------------------- */

static void take_citations(struct chunk *k, const struct json_node *metadata)
{
    const struct json_node *list = gem_get(&k->t, metadata, SL_STR("citationSources"));
    if (list == NULL)
        list = gem_get(&k->t, metadata, SL_STR("citations"));
    for (JSON_EACH(&k->t, list, it)) {
        uint64_t from = 0, to = 0;
        bool end = gem_count_of(&k->t, gem_get(&k->t, it, SL_STR("endIndex")), &to);
        gem_count_of(&k->t, gem_get(&k->t, it, SL_STR("startIndex")), &from);
        struct neutral_event e = {.kind = NE_CITATION};
        e.citation.url = gem_get_inside(&k->t, it, SL_STR("uri"));
        e.citation.title = gem_get_inside(&k->t, it, SL_STR("title"));
        e.citation.from = end ? gem_text_char_at(&k->c->map, from) : -1;
        e.citation.to = end ? gem_text_char_at(&k->c->map, to) : -1;
        if (e.citation.url.n > 0)
            put(k, e);
    }
}

static void write_logprob(struct json_writer *w, struct chunk *k, const struct json_node *v)
{
    jw_member_inside(w, SL_STR("token"), gem_get_inside(&k->t, v, SL_STR("token")));
    struct sl_str p = gem_get_raw(&k->t, v, SL_STR("logProbability"));
    jw_member_raw(w, SL_STR("logprob"), p.n > 0 ? p : SL_STR("0"));
    jw_member_null(w, SL_STR("bytes"));
}

/* logprobsResult in OpenAI's form: [{"token","logprob","bytes","top_logprobs":[...]}]. */
static void take_logprobs(struct chunk *k, const struct json_node *result)
{
    const struct json_node *chosen = gem_get(&k->t, result, SL_STR("chosenCandidates"));
    const struct json_node *top = json_child(gem_get(&k->t, result, SL_STR("topCandidates")));
    if (json_kind_of(chosen) != JSON_ARRAY || chosen->children == 0)
        return;
    struct sl_buf b;
    sl_buf_init(&b, SIZE_MAX / 2);
    struct json_writer w = json_writer_on(&b);
    jw_open(&w, '[');
    for (JSON_EACH(&k->t, chosen, it)) {
        jw_open(&w, '{');
        write_logprob(&w, k, it);
        jw_key(&w, SL_STR("top_logprobs"));
        jw_open(&w, '[');
        for (JSON_EACH(&k->t, gem_get(&k->t, top, SL_STR("candidates")), other)) {
            jw_open(&w, '{');
            write_logprob(&w, k, other);
            jw_close(&w, '}');
        }
        jw_close(&w, ']');
        jw_close(&w, '}');
        top = top != NULL ? json_sibling(&k->t, top) : NULL;
    }
    jw_close(&w, ']');
    put(k, (struct neutral_event){.kind = NE_LOGPROBS, .raw = sl_buf_str(&b)});
    sl_buf_done(&b);
}

static struct sl_str keep(struct chunk *k, struct sl_str s)
{
    return s.n > 0 ? sl_arena_str(k->x->t->a, s) : s;
}

/* Said again with every chunk by some models. */
static void renew(struct chunk *k, struct sl_str *to, struct sl_str s)
{
    if (s.n > 0 && !sl_str_eq(*to, s))
        *to = keep(k, s);
}

static void take_ending(struct chunk *k, const struct json_node *v)
{
    const struct json_node *reason = gem_get(&k->t, v, SL_STR("finishReason"));
    struct sl_str message = gem_get_inside(&k->t, v, SL_STR("finishMessage"));
    struct sl_str grounding = gem_get_raw(&k->t, v, SL_STR("groundingMetadata"));
    if (json_kind_of(reason) == JSON_STRING)
        renew(k, &k->c->finish, json_inside_of(&k->t, reason));
    else if (json_kind_of(reason) == JSON_NUMBER && !sl_str_eq(json_raw_of(&k->t, reason), SL_STR("0")))
        renew(k, &k->c->finish, json_raw_of(&k->t, reason));
    renew(k, &k->c->message, message);
    if (grounding.n > 2)
        renew(k, &k->c->grounding, grounding);
    take_citations(k, gem_get(&k->t, v, SL_STR("citationMetadata")));
    take_logprobs(k, gem_get(&k->t, v, SL_STR("logprobsResult")));
}

static bool read_candidate(struct chunk *k, const struct json_node *v, uint32_t position)
{
    uint64_t index = position;
    gem_count_of(&k->t, gem_get(&k->t, v, SL_STR("index")), &index);
    if (index >= CHOICES_MAX)
        return false;
    const struct json_node *content = gem_get(&k->t, v, SL_STR("content"));
    const struct json_node *parts = gem_get(&k->t, content, SL_STR("parts"));
    k->choice = (uint32_t)index;
    k->c = &k->x->choices[index];
    k->c->seen = true;
    if ((content != NULL && content->kind != JSON_OBJECT) || (parts != NULL && parts->kind != JSON_ARRAY))
        return false;
    for (JSON_EACH(&k->t, parts, it)) {
        if (it->kind != JSON_OBJECT || !read_part(k, it))
            return false;
        k->c->parts++;
    }
    take_ending(k, v);
    return true;
}

/* -- Parts ------------------------------------------------------------------------------------------------------------------------- */

/* A new block where the kind changes; signed ones end. */
static void enter_block(struct gem_choice *c, enum block_kind kind)
{
    if (c->last != BLOCK_NONE && (c->last != kind || kind == BLOCK_OTHER))
        c->block++;
    c->last = kind;
}

static void leave_block(struct gem_choice *c)
{
    c->last = BLOCK_OTHER;
}

static void take_thought(struct chunk *k, struct sl_str text, struct sl_str signature)
{
    if (text.n == 0 && signature.n == 0)
        return;
    enter_block(k->c, BLOCK_THOUGHT);
    if (text.n > 0)
        put(k, (struct neutral_event){.kind = NE_REASONING, .text = text});
    if (signature.n == 0)
        return;
    put(k, (struct neutral_event){.kind = NE_SIGNATURE, .text = gem_signature_out(k->x->t, signature, &k->x->tmp)});
    leave_block(k->c);
}

/* A signature without a text means nothing to other formats, and an empty text would be one more block there. */
static void take_text(struct chunk *k, struct sl_str text, struct sl_str signature)
{
    bool native = k->x->t->face == &gemini_dialect;
    if (text.n == 0 && (signature.n == 0 || !native))
        return;
    enter_block(k->c, BLOCK_TEXT);
    k->c->content |= text.n > 0;
    gem_text_add(&k->c->map, k->x->t->a, text);
    put(k, (struct neutral_event){.kind = NE_TEXT, .text = text, .signature = native ? signature : SL_STR_NONE});
    if (signature.n > 0)
        leave_block(k->c);
}

/* Deterministic, and another one in each answer: translate-gemini.md 4.5. */
static struct sl_str made_id(struct chunk *k)
{
    const struct translation *t = k->x->t;
    struct sl_str of = k->x->id.n > 0 ? k->x->id : t->id;
    struct sl_str place = sl_arena_printf(&k->x->tmp, SL_STR_FMT " %u %u", SL_STR_ARG(of), k->choice, k->c->calls);
    bool anthropic = t->face != NULL && sl_str_eq(t->face->name, SL_STR("anthropic"));
    uint64_t h1 = sl_hash((struct sl_hash_key){0x736c75696365, 3}, place);
    uint64_t h2 = sl_hash((struct sl_hash_key){0x736c75696365, 4}, place);
    return sl_arena_printf(&k->x->tmp, "%s_%016llx%08llx", anthropic ? "toolu" : "call", (unsigned long long)h1,
                           (unsigned long long)(h2 & 0xffffffffu));
}

static const struct neutral_tool *tool_of(const struct translation *t, struct sl_str name)
{
    for (const struct neutral_tool *tool = t->req != NULL ? t->req->tools : NULL; tool != NULL; tool = tool->next)
        if (sl_str_eq(tool->name, name))
            return tool;
    return NULL;
}

/* The client's name of the tool. Some models put "default_api." before the names of declared ones. */
static struct sl_str client_name(struct chunk *k, struct sl_str name)
{
    const struct translation *t = k->x->t;
    struct sl_str ident = json_ident(name, &k->x->tmp), back = names_back(&t->names, ident);
    if (back.p != ident.p || tool_of(t, back) != NULL)
        return back;
    if (!sl_str_starts(ident, SL_STR("default_api.")) && !sl_str_starts(ident, SL_STR("default_api:")))
        return back;
    struct sl_str rest = names_back(&t->names, sl_str_from(ident, 12));
    return tool_of(t, rest) != NULL ? rest : back;
}

/* args: raw, valid; empty: none. */
static void put_call(struct chunk *k, struct sl_str id, struct sl_str name, struct sl_str args, struct sl_str signature)
{
    struct translation *t = k->x->t;
    struct sl_arena *tmp = &k->x->tmp;
    struct json_tree tree;
    struct sl_str client = client_name(k, name);
    const struct neutral_tool *tool = tool_of(t, client);
    struct neutral_event e = {.kind = NE_CALL_BEGIN,
                              .call = k->c->calls,
                              .id = id.n > 0 ? id : made_id(k),
                              .name = client,
                              .custom = tool != NULL && tool->kind == NT_CUSTOM,
                              .signature = gem_signature_out(t, signature, &k->x->tmp)};
    enter_block(k->c, BLOCK_OTHER);
    put(k, e);
    struct sl_str text = json_escape(args.n > 0 ? gem_compact(args, tmp) : SL_STR("{}"), tmp);
    if (e.custom && args.n > 0 && json_tree_read(&tree, args, tmp))
        text = json_get_inside(&tree, json_root(&tree), SL_STR("input"));
    e = (struct neutral_event){.kind = NE_CALL_ARGS, .call = k->c->calls, .text = text};
    put(k, e);
    put(k, (struct neutral_event){.kind = NE_CALL_END, .call = k->c->calls});
    k->c->calls++;
    k->c->called = k->c->content = true;
}

static bool take_partial(struct chunk *k, const struct json_node *v, struct sl_str signature)
{
    struct gem_choice *c = k->c;
    struct sl_str name = gem_get_inside(&k->t, v, SL_STR("name")), args = gem_get_raw(&k->t, v, SL_STR("args"));
    bool goes_on = json_kind_of(gem_get(&k->t, v, SL_STR("willContinue"))) == JSON_TRUE;
    if (c->partial == NULL) {
        if (name.n == 0)
            return false;
        c->partial = gem_partial_new(k->x->t->a);
        c->partial_name = keep(k, name);
        c->partial_id = keep(k, gem_get_inside(&k->t, v, SL_STR("id")));
        c->partial_signature = SL_STR_NONE;
    }
    if (signature.n > 0)
        c->partial_signature = keep(k, signature);
    if (!gem_partial_add(c->partial, &k->t, gem_get(&k->t, v, SL_STR("partialArgs"))))
        return false;
    if (goes_on)
        return true;
    struct sl_str text = args.n > 2 ? args : gem_partial_text(c->partial);
    c->partial = NULL;
    put_call(k, c->partial_id, c->partial_name, text, c->partial_signature);
    return true;
}

static bool take_call(struct chunk *k, const struct json_node *v, struct sl_str signature)
{
    const struct json_node *args = gem_get(&k->t, v, SL_STR("args"));
    struct sl_str name = gem_get_inside(&k->t, v, SL_STR("name"));
    bool partial = k->c->partial != NULL || gem_get(&k->t, v, SL_STR("partialArgs")) != NULL ||
                   json_kind_of(gem_get(&k->t, v, SL_STR("willContinue"))) == JSON_TRUE;
    if (v->kind != JSON_OBJECT)
        return false;
    if (k->c->partial != NULL && name.n > 0 && gem_get(&k->t, v, SL_STR("partialArgs")) == NULL)
        return false; /* another call before that one was closed */
    if (partial)
        return take_partial(k, v, signature);
    if (name.n == 0 || (args != NULL && args->kind != JSON_OBJECT))
        return false;
    put_call(k, gem_get_inside(&k->t, v, SL_STR("id")), name, json_raw_of(&k->t, args), signature);
    return true;
}

static bool take_media(struct chunk *k, const struct json_node *v, bool file, struct sl_str signature)
{
    struct neutral_event e = {.kind = NE_MEDIA, .signature = gem_signature_out(k->x->t, signature, &k->x->tmp)};
    e.media.source = file ? NS_URL : NS_BASE64;
    e.media.mime = gem_get_inside(&k->t, v, SL_STR("mimeType"));
    e.media.data = gem_get_inside(&k->t, v, file ? SL_STR("fileUri") : SL_STR("data"));
    e.is_audio = sl_str_starts_nocase(e.media.mime, SL_STR("audio/"));
    if (e.media.data.n == 0)
        return v->kind == JSON_OBJECT;
    enter_block(k->c, BLOCK_OTHER);
    k->c->content = true;
    put(k, e);
    return true;
}

/* What the model ran at Google: to others as text, between fences. */
static void take_code(struct chunk *k, const struct json_node *v, bool result)
{
    struct sl_str said = gem_get_inside(&k->t, v, result ? SL_STR("output") : SL_STR("code"));
    if (said.n == 0)
        return;
    const char *fence = result ? "\\n```output\\n" : "\\n```python\\n";
    take_text(k, sl_arena_printf(&k->x->tmp, "%s" SL_STR_FMT "\\n```\\n", fence, SL_STR_ARG(said)), SL_STR_NONE);
}

static void take_hosted(struct chunk *k, const struct json_node *v, struct sl_str type)
{
    bool code = sl_str_eq(type, SL_STR("executableCode")), result = sl_str_eq(type, SL_STR("codeExecutionResult"));
    if (k->x->t->face != &gemini_dialect && (code || result)) {
        take_code(k, v, result);
        return;
    }
    enter_block(k->c, BLOCK_OTHER);
    put(k, (struct neutral_event){.kind = NE_HOSTED, .type = type, .raw = json_raw_of(&k->t, v)});
}

static bool read_part(struct chunk *k, const struct json_node *v)
{
    static const struct sl_str hosted[] = {SL_STR_INIT("executableCode"), SL_STR_INIT("codeExecutionResult"),
                                           SL_STR_INIT("toolCall"), SL_STR_INIT("toolResponse")};
    const struct json_node *text = gem_get(&k->t, v, SL_STR("text"));
    const struct json_node *call = gem_get(&k->t, v, SL_STR("functionCall"));
    const struct json_node *data = gem_get(&k->t, v, SL_STR("inlineData"));
    const struct json_node *file = gem_get(&k->t, v, SL_STR("fileData"));
    struct sl_str signature = gem_get_inside(&k->t, v, SL_STR("thoughtSignature"));
    bool thought = json_kind_of(gem_get(&k->t, v, SL_STR("thought"))) == JSON_TRUE;
    if (call != NULL)
        return take_call(k, call, signature);
    if (data != NULL || file != NULL)
        return thought || take_media(k, data != NULL ? data : file, data == NULL, signature);
    for (size_t i = 0; i < sizeof hosted / sizeof hosted[0]; i++) {
        const struct json_node *h = gem_get(&k->t, v, hosted[i]);
        if (h != NULL)
            take_hosted(k, h, hosted[i]);
    }
    if (text != NULL && text->kind != JSON_STRING)
        return false;
    if (thought)
        take_thought(k, json_inside_of(&k->t, text), signature);
    else
        take_text(k, json_inside_of(&k->t, text), signature);
    return true;
}

/* -- The end -------------------------------------------------------------------------------------------------------------------------- */

/* groundingChunks that groundingSupports point at, as citations. Offsets are bytes of a part; of streams only the first part's are
 * known to be those of the whole text. */
static void put_support(struct chunk *k, const struct json_node *support, const struct json_node *const *chunks,
                        uint32_t n)
{
    const struct json_node *segment = gem_get(&k->t, support, SL_STR("segment"));
    uint64_t from = 0, to = 0, part = 0;
    gem_count_of(&k->t, gem_get(&k->t, segment, SL_STR("startIndex")), &from);
    gem_count_of(&k->t, gem_get(&k->t, segment, SL_STR("partIndex")), &part);
    bool end = gem_count_of(&k->t, gem_get(&k->t, segment, SL_STR("endIndex")), &to) && part == 0;
    for (JSON_EACH(&k->t, gem_get(&k->t, support, SL_STR("groundingChunkIndices")), it)) {
        uint64_t index = 0;
        if (!gem_count_of(&k->t, it, &index) || index >= n)
            continue;
        struct neutral_event e = {.kind = NE_CITATION};
        e.citation.url = gem_get_inside(&k->t, chunks[index], SL_STR("uri"));
        e.citation.title = gem_get_inside(&k->t, chunks[index], SL_STR("title"));
        e.citation.cited_text = gem_get_inside(&k->t, segment, SL_STR("text"));
        e.citation.from = end ? gem_text_char_at(&k->c->map, from) : -1;
        e.citation.to = end ? gem_text_char_at(&k->c->map, to) : -1;
        if (e.citation.url.n > 0)
            put(k, e);
    }
}

static void put_grounding(struct chunk *k)
{
    if (k->c->grounding.n == 0 || !json_tree_read(&k->t, k->c->grounding, &k->x->tmp))
        return;
    const struct json_node *list = gem_get(&k->t, json_root(&k->t), SL_STR("groundingChunks"));
    const struct json_node *supports = gem_get(&k->t, json_root(&k->t), SL_STR("groundingSupports"));
    if (json_kind_of(list) != JSON_ARRAY)
        return;
    const struct json_node **chunks = sl_arena_alloc(&k->x->tmp, (list->children + 1) * sizeof *chunks);
    uint32_t n = 0;
    for (JSON_EACH(&k->t, list, it)) {
        const struct json_node *one = json_child(it); /* web, maps, retrievedContext, image */
        chunks[n++] = one;
    }
    for (JSON_EACH(&k->t, supports, it))
        put_support(k, it, chunks, n);
    for (uint32_t i = 0; i < n && json_kind_of(supports) != JSON_ARRAY; i++) {
        struct neutral_event e = {.kind = NE_CITATION, .citation = {.from = -1, .to = -1}};
        e.citation.url = gem_get_inside(&k->t, chunks[i], SL_STR("uri"));
        e.citation.title = gem_get_inside(&k->t, chunks[i], SL_STR("title"));
        if (e.citation.url.n > 0)
            put(k, e);
    }
}

static void put_failure(struct chunk *k, const char *code)
{
    struct neutral_event e = {.kind = NE_ERROR};
    e.error.status = 502;
    e.error.type = k->c->finish;
    e.error.code = sl_str_c(code);
    e.error.message = k->c->message.n > 0 ? k->c->message : SL_STR("The model gave no usable answer.");
    k->x->failed = true;
    put(k, e);
}

static void put_finish(struct chunk *k)
{
    struct neutral_event e = {.kind = NE_FINISH};
    struct gem_choice *c = k->c;
    switch (gem_end_of(c->finish)) {
    case GEM_END_STOP:
        e.finish = c->called ? FINISH_TOOL_CALLS : FINISH_STOP;
        break;
    case GEM_END_LENGTH:
        e.finish = FINISH_LENGTH;
        break;
    case GEM_END_FILTER:
        e.finish = FINISH_CONTENT_FILTER;
        e.text = c->message.n > 0 ? c->message : c->finish;
        break;
    case GEM_END_MALFORMED:
        put_failure(k, "malformed_function_call");
        return;
    case GEM_END_OTHER:
        if (!c->content) {
            put_failure(k, "upstream_no_content");
            return;
        }
        e.finish = FINISH_OTHER;
        e.text = c->finish;
        break;
    }
    put(k, e);
}

static bool is_whole(const struct gem_answer *x)
{
    bool any = false;
    for (uint32_t i = 0; i < CHOICES_MAX; i++) {
        const struct gem_choice *c = &x->choices[i];
        if (c->seen && (c->finish.n == 0 || c->partial != NULL))
            return false;
        any |= c->seen;
    }
    return any;
}

bool gem_answer_end(struct gem_answer *x, const struct neutral_sink *to)
{
    struct chunk k = {.x = x, .to = to};
    if (x->failed)
        return false;
    if (x->blocked.n > 0 && !is_whole(x)) {
        tell_usage(x, to);
        put(&k, (struct neutral_event){.kind = NE_FINISH, .finish = FINISH_CONTENT_FILTER, .text = x->blocked});
        return true;
    }
    if (!is_whole(x))
        return false;
    tell_usage(x, to);
    for (k.choice = 0; k.choice < CHOICES_MAX; k.choice++) {
        k.c = &x->choices[k.choice];
        if (k.c->seen)
            put_grounding(&k);
    }
    for (k.choice = 0; k.choice < CHOICES_MAX && !x->failed; k.choice++) {
        k.c = &x->choices[k.choice];
        if (k.c->seen)
            put_finish(&k);
    }
    return !x->failed;
}
