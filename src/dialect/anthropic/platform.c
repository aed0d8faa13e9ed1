/* The same request for Claude where others serve it: Bedrock and Vertex have the model in the path and the version in the body;
 * Bedrock has `stream` in the path and the betas in the body, too, and refuses what it does not know. Members are cut out with one
 * comma each, what is added goes in front; nothing else changes. Sources: bedrock.md 4.1, 11.2; clients.md 3.2; the list of betas
 * of AWS' documents (Messages API on Bedrock, 2026; memory where bedrock.md is silent); Vertex' list is from memory. */
#include <stdlib.h>

#include "dialect/anthropic/anthropic.h"
#include "dialect/anthropic/anthropic_int.h"
#include "dialect/media.h"
#include "dialect/pieces.h"

#define BETA_BYTES 64u /* of a name; longer ones are none */
#define FINE_GRAINED "fine-grained-tool-streaming-2025-05-14"
#define TOOL_SEARCH "tool-search-tool-2025-10-19"

enum where {
    BEDROCK = 1,
    VERTEX = 2
};

/* Betas that a platform takes; it answers 400 to any other. */
static const struct {
    struct sl_str name;
    unsigned where;
} betas[] = {
    {SL_STR_INIT(FINE_GRAINED), BEDROCK | VERTEX}, /* FIRST_FINE */
    {SL_STR_INIT(TOOL_SEARCH), BEDROCK | VERTEX},  /* FIRST_SEARCH */
    {SL_STR_INIT("computer-use-2025-01-24"), BEDROCK | VERTEX},
    {SL_STR_INIT("computer-use-2025-11-24"), BEDROCK | VERTEX},
    {SL_STR_INIT("context-1m-2025-08-07"), BEDROCK | VERTEX},
    {SL_STR_INIT("context-management-2025-06-27"), BEDROCK | VERTEX},
    {SL_STR_INIT("effort-2025-11-24"), BEDROCK | VERTEX},
    {SL_STR_INIT("interleaved-thinking-2025-05-14"), BEDROCK | VERTEX},
    {SL_STR_INIT("token-efficient-tools-2025-02-19"), BEDROCK | VERTEX},
    {SL_STR_INIT("tool-examples-2025-10-29"), BEDROCK},
    {SL_STR_INIT("claude-code-20250219"), VERTEX},
    {SL_STR_INIT("structured-outputs-2025-11-13"), VERTEX},
    {SL_STR_INIT("web-search-2025-03-05"), VERTEX},
    {SL_STR_INIT("output-128k-2025-02-19"), VERTEX},
    {SL_STR_INIT("dev-full-thinking-2025-05-14"), VERTEX},
};
enum {
    FIRST_FINE = 0,
    FIRST_SEARCH
};
#define N_BETAS (sizeof betas / sizeof betas[0])

/* Members that Bedrock refuses and that change nothing in the answer: left out and told. Those that would change it stay, and
 * Bedrock says so itself (mcp_servers, container, inference_geo). */
static const struct {
    struct sl_str name, beta; /* beta: it stays when one that begins so goes along; empty: it never does */
} paired[] = {
    {SL_STR_INIT("context_management"), SL_STR_INIT("context-management-")},
    {SL_STR_INIT("speed"), SL_STR_NONE},
    {SL_STR_INIT("service_tier"), SL_STR_NONE},
    {SL_STR_INIT("diagnostics"), SL_STR_NONE},
    {SL_STR_INIT("fallbacks"), SL_STR_NONE},
    {SL_STR_INIT("cache_control"), SL_STR_NONE},
    {SL_STR_INIT("tags"), SL_STR_NONE},
};
#define N_PAIRED (sizeof paired / sizeof paired[0])

struct carrying {
    const struct request_facts *f;
    struct sl_str body;
    struct sl_str model; /* said in front, too; empty: only in the path */
    struct sl_arena *a;
    struct neutral_notes *notes;
    bool bedrock, counts, beta[N_BETAS];
    struct json_member version, betas, pair[N_PAIRED];
    const struct json_member *gone[RM_OURS + 4 + N_PAIRED];
    unsigned n_gone;
    struct body_cut *cuts;
    size_t n_cuts;
};

/* -- Betas ----------------------------------------------------------------------------------------------------------- */

static void take_beta(struct carrying *c, struct sl_str name)
{
    if (name.n == 0 || name.n > BETA_BYTES)
        return;
    for (size_t i = 0; i < N_BETAS; i++) {
        if ((betas[i].where & (c->bedrock ? BEDROCK : VERTEX)) != 0 && sl_str_eq(betas[i].name, name)) {
            c->beta[i] = true;
            return;
        }
    }
    neutral_notef(c->notes, "", "anthropic-beta:" SL_STR_FMT, SL_STR_ARG(name));
}

static void take_header(struct carrying *c, struct sl_str header)
{
    while (header.p != NULL)
        take_beta(c, sl_str_trim(sl_str_cut(&header, ',')));
}

/* Vertex has them in the header (bedrock.md 11.2): what is left of it. */
static struct sl_str header_of(const struct carrying *c)
{
    struct sl_str text = SL_STR_NONE;
    for (size_t i = 0; !c->bedrock && i < N_BETAS; i++)
        if (c->beta[i])
            text = text.n == 0
                       ? betas[i].name
                       : sl_arena_printf(c->a, SL_STR_FMT "," SL_STR_FMT, SL_STR_ARG(text), SL_STR_ARG(betas[i].name));
    return text;
}

/* What the body says counts before the header: they are not mixed (bedrock.md 4.1). */
static void take_betas(struct carrying *c, struct sl_str header)
{
    struct json_member name;
    size_t at = 0;
    if (c->betas.kind == JSON_ARRAY) {
        while (json_next_element(json_raw(c->body, &c->betas), &at, &name))
            if (name.kind == JSON_STRING)
                take_beta(c, json_inside(json_raw(c->body, &c->betas), &name));
        return;
    }
    take_header(c, header);
}

static bool has_beta(const struct carrying *c, struct sl_str beginning)
{
    for (size_t i = 0; i < N_BETAS; i++)
        if (c->beta[i] && sl_str_starts(betas[i].name, beginning))
            return true;
    return false;
}

/* -- Members that go ------------------------------------------------------------------------------------------------- */

static void look(struct carrying *c)
{
    struct json_watch watches[2 + N_PAIRED] = {{SL_STR_INIT("anthropic_version"), -1},
                                               {SL_STR_INIT("anthropic_beta"), -1}};
    struct json_member found[2 + N_PAIRED];
    struct json_info info;
    for (size_t i = 0; i < N_PAIRED; i++)
        watches[2 + i] = (struct json_watch){paired[i].name, -1};
    if (json_scan(c->body, watches, 2 + N_PAIRED, found, &info) != JSON_OK)
        return; /* one of them stands twice: theirs to refuse */
    c->version = found[0];
    c->betas = found[1];
    memcpy(c->pair, found + 2, sizeof c->pair);
}

static void let_go(struct carrying *c, const struct json_member *m)
{
    c->n_gone = cut_add(c->gone, c->n_gone, m);
}

static void choose_members(struct carrying *c)
{
    for (unsigned m = 0; m <= RM_OURS; m++) /* the gateway's own, and the model */
        let_go(c, &c->f->at[m]);
    let_go(c, &c->version);
    if (!c->bedrock)
        return;
    let_go(c, &c->f->at[RM_STREAM]);
    let_go(c, &c->betas);
    for (size_t i = 0; i < N_PAIRED; i++) {
        if (c->pair[i].kind == JSON_ABSENT || (paired[i].beta.n > 0 && has_beta(c, paired[i].beta)))
            continue;
        let_go(c, &c->pair[i]);
        neutral_note(c->notes, "", paired[i].name);
    }
}

/* at: where the object begins that m's places count from. */
static void cut_out(struct carrying *c, size_t at, const struct json_member *m, bool first)
{
    struct body_cut cut = cut_of(m, first);
    c->cuts[c->n_cuts++] = (struct body_cut){at + cut.from, at + cut.to};
}

/* -- Tools -- */

enum tool_member {
    TM_TYPE = 0,
    TM_DEFER,
    TM_EAGER,
    TM_COUNT
};
static const struct json_watch tool_members[TM_COUNT] = {
    {SL_STR_INIT("type"), -1}, {SL_STR_INIT("defer_loading"), -1}, {SL_STR_INIT("eager_input_streaming"), -1}};

struct tool {
    struct json_member self; /* in the list */
    struct json_member at[TM_COUNT];
    bool searches, gone; /* searches: among the tools that are deferred */
};

/* The search that Bedrock does not serve (bedrock.md 4.1). */
static bool is_served(const struct carrying *c, struct sl_str type)
{
    return !c->bedrock || sl_str_find_str(type, SL_STR("bm25")) < 0;
}

static unsigned read_tools(struct carrying *c, struct sl_str all, struct tool *out, unsigned most)
{
    struct json_info info;
    size_t at = 0;
    unsigned n = 0;
    for (struct tool *t = out; n < most && json_next_element(all, &at, &t->self); t = &out[n]) {
        struct sl_str raw = json_raw(all, &t->self);
        if (json_scan(raw, tool_members, TM_COUNT, t->at, &info) != JSON_OK)
            memset(t->at, 0, sizeof t->at); /* theirs to refuse */
        struct sl_str type = json_inside_if(raw, &t->at[TM_TYPE]);
        t->searches = anthropic_is_tool_search(type);
        t->gone = t->searches && !is_served(c, type);
        n++;
    }
    return n;
}

/* With the comma that goes with it: the one behind, as long as none stays in front. */
static void cut_tools(struct carrying *c, size_t base, const struct tool *tools, unsigned n)
{
    bool stayed = false;
    for (unsigned i = 0; i < n; i++) {
        size_t from = stayed ? tools[i - 1].self.to : tools[i].self.from;
        size_t to = stayed || i + 1 == n ? tools[i].self.to : tools[i + 1].self.from;
        stayed = stayed || !tools[i].gone;
        if (!tools[i].gone)
            continue;
        c->cuts[c->n_cuts++] = (struct body_cut){base + from, base + to};
        neutral_notef(c->notes, "", "tools[%u].type", i);
    }
}

/* Bedrock takes no eager_input_streaming: what it asks for is a beta there. What is deferred is found by a search, which is a beta on
 * both platforms; where the only one had to go, nobody would find it, and it is sent as any other tool. */
static void change_tools(struct carrying *c)
{
    const struct json_member *list = &c->f->at[RM_TOOLS];
    struct sl_str all = list->kind == JSON_ARRAY ? json_raw(c->body, list) : SL_STR_NONE;
    bool search = false, lost = false;
    if (sl_str_find_str(all, tool_members[TM_EAGER].name) < 0 &&
        sl_str_find_str(all, tool_members[TM_DEFER].name) < 0 && sl_str_find_str(all, SL_STR("tool_search_tool")) < 0)
        return;
    struct tool *tools = sl_arena_zalloc(c->a, (list->children + 1) * sizeof *tools);
    unsigned n = read_tools(c, all, tools, list->children);
    for (unsigned i = 0; i < n; i++) {
        search = search || (tools[i].searches && !tools[i].gone);
        lost = lost || tools[i].gone;
    }
    lost = lost && !search;
    for (unsigned i = 0; i < n; i++) {
        const struct json_member *eager = &tools[i].at[TM_EAGER], *defer = &tools[i].at[TM_DEFER];
        bool deferred = defer->kind == JSON_TRUE && !tools[i].gone;
        bool cut_eager = c->bedrock && !tools[i].gone && eager->kind != JSON_ABSENT, cut_defer = deferred && lost;
        bool behind = cut_eager && cut_defer && defer->index > eager->index; /* which is cut first: commas */
        if (cut_eager)
            cut_out(c, list->from + tools[i].self.from, eager, eager->index == (cut_defer && !behind));
        c->beta[FIRST_FINE] |= cut_eager && eager->kind == JSON_TRUE;
        search = search || (deferred && !lost);
        if (!cut_defer)
            continue;
        cut_out(c, list->from + tools[i].self.from, defer, defer->index == behind);
        neutral_notef(c->notes, "loaded", "tools[%u].defer_loading", i);
    }
    c->beta[FIRST_SEARCH] |= search;
    cut_tools(c, list->from, tools, n);
}

static int by_place(const void *left, const void *right)
{
    const struct body_cut *x = left, *y = right;
    return (x->from > y->from) - (x->from < y->from);
}

static void choose_cuts(struct carrying *c)
{
    const struct json_member *tools = &c->f->at[RM_TOOLS];
    c->cuts = sl_arena_alloc(c->a, (c->n_gone + 2 * tools->children + 1) * sizeof *c->cuts);
    change_tools(c);
    for (unsigned i = 0; i < c->n_gone; i++)
        cut_out(c, 0, c->gone[i], c->gone[i]->index == i); /* first: only such as go before it */
    qsort(c->cuts, c->n_cuts, sizeof *c->cuts, by_place);
}

/* -- The body -------------------------------------------------------------------------------------------------------- */

static struct sl_str in_front(const struct carrying *c)
{
    struct sl_buf b;
    const char *comma = "";
    if (!c->bedrock && c->model.n > 0)
        return sl_arena_printf(c->a, "\"anthropic_version\":\"vertex-2023-10-16\",\"model\":\"" SL_STR_FMT "\",",
                               SL_STR_ARG(json_escape(c->model, c->a)));
    if (!c->bedrock)
        return SL_STR("\"anthropic_version\":\"vertex-2023-10-16\",");
    sl_buf_init(&b, 4096);
    sl_buf_adds(&b, SL_STR("\"anthropic_version\":\"bedrock-2023-05-31\","));
    if (c->counts && c->f->max_output == 0) /* a body as InvokeModel takes it, which needs one */
        sl_buf_adds(&b, SL_STR("\"max_tokens\":1,"));
    if (has_beta(c, SL_STR_NONE)) {
        sl_buf_adds(&b, SL_STR("\"anthropic_beta\":["));
        for (size_t i = 0; i < N_BETAS; i++) {
            if (!c->beta[i])
                continue;
            sl_buf_addf(&b, "%s\"" SL_STR_FMT "\"", comma, SL_STR_ARG(betas[i].name));
            comma = ",";
        }
        sl_buf_adds(&b, SL_STR("],"));
    }
    struct sl_str text = sl_arena_str(c->a, sl_buf_str(&b));
    sl_buf_done(&b);
    return text;
}

/* CountTokens takes the whole of it as one text in base64 (bedrock.md section 7). */
static void wrap_count(struct sl_arena *a, struct body_pieces *out)
{
    struct sl_buf all;
    sl_buf_init(&all, SIZE_MAX / 4);
    for (int i = 0; i < out->n; i++)
        sl_buf_add(&all, out->v[i].iov_base, out->v[i].iov_len);
    struct sl_str body = media_encode(sl_buf_str(&all), a);
    sl_buf_done(&all);
    struct iovec *v = sl_arena_alloc(a, 3 * sizeof *v);
    *out = (struct body_pieces){.v = v, .notes = out->notes};
    piece_add(v, out, SL_STR("{\"input\":{\"invokeModel\":{\"body\":\""));
    piece_add(v, out, body);
    piece_add(v, out, SL_STR("\"}}}"));
}

void anthropic_encode_for_platform(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out)
{
    struct carrying *c = SL_ARENA_NEW(a, struct carrying);
    *c = (struct carrying){.f = f, .body = body, .a = a, .bedrock = sl_str_eq(change->platform, SL_STR("bedrock"))};
    c->counts = change->counts && c->bedrock;
    if (change->counts && !c->bedrock) /* the path has no place for it (bedrock.md 11.2) */
        c->model = change->model.n > 0 ? change->model : f->model;
    c->notes = SL_ARENA_NEW(a, struct neutral_notes);
    c->notes->a = a;
    look(c);
    if (c->bedrock)
        take_betas(c, change->betas);
    else
        take_header(c, change->betas);
    choose_members(c);
    choose_cuts(c);
    struct iovec *v = sl_arena_alloc(a, (c->n_cuts + 3) * sizeof *v);
    *out = (struct body_pieces){.v = v, .notes = c->notes, .betas = header_of(c)};
    size_t at = (size_t)sl_str_find(body, '{') + 1; /* the decoder has seen that it is an object */
    piece_add(v, out, sl_str_head(body, at));
    piece_add(v, out, in_front(c));
    for (size_t i = 0; i < c->n_cuts; i++) {
        piece_add(v, out, sl_str_of(body.p + at, c->cuts[i].from - at));
        at = c->cuts[i].to;
    }
    piece_add(v, out, sl_str_from(body, at));
    if (c->counts)
        wrap_count(a, out);
}

/* -- The other way ----------------------------------------------------------------------------------------------------- */

struct sl_str anthropic_body_from_vertex(struct sl_str body, struct sl_str model, struct sl_arena *a)
{
    static const struct json_watch watches[] = {{SL_STR_INIT("model"), -1}, {SL_STR_INIT("anthropic_version"), -1}};
    struct json_member at[2];
    struct json_info info;
    if (json_scan(body, watches, 2, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return body; /* refused by who reads it */
    size_t begin = (size_t)sl_str_find(body, '{') + 1, from = begin, to = begin;
    if (at[1].kind != JSON_ABSENT) {
        struct body_cut cut = cut_of(&at[1], at[1].index == 0);
        from = cut.from;
        to = cut.to;
    }
    struct sl_str head = sl_str_of(body.p + begin, from - begin), tail = sl_str_from(body, to), said = SL_STR_NONE;
    bool empty = sl_str_find(head, '"') < 0 && sl_str_find(tail, '"') < 0;
    if (at[0].kind == JSON_ABSENT)
        said =
            sl_arena_printf(a, "\"model\":\"" SL_STR_FMT "\"%s", SL_STR_ARG(json_escape(model, a)), empty ? "" : ",");
    struct sl_str parts[] = {sl_str_head(body, begin), said, head, tail};
    char *out = sl_arena_alloc(a, body.n + said.n);
    size_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].n > 0)
            memcpy(out + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return sl_str_of(out, n);
}

struct sl_str anthropic_betas_for_vertex(struct sl_str header, struct sl_arena *a)
{
    struct carrying *c = SL_ARENA_NEW(a, struct carrying);
    c->a = a;
    c->notes = SL_ARENA_NEW(a, struct neutral_notes);
    c->notes->a = a;
    take_header(c, header);
    return header_of(c);
}
