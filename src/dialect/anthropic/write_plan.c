/* Decides what the members at the top will say: how many tokens, whether the model thinks and how hard, how JSON is asked for, which
 * tools it may choose. Decisions depend on each other, and so they are all made before anything is written. Source:
 * translate-openai-anthropic.md 2.1, 2.5 to 2.7, translate-gemini.md 6.2, 15; what models take: caps.c (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "dialect/effort.h"
#include "dialect/terms.h"
#include "dialect/unsaid.h"

#define MAX_TOKENS_UNKNOWN 32000u
#define MAX_TOKENS_WHOLE 32000u  /* default of answers that are not streamed */
#define MAX_TOKENS_BEDROCK 8192u /* there they are charged against the quota when the request comes */
#define BUDGET_LEAST 1024u
#define JSON_TOOL "json_response"

static struct sl_str term(const struct anthropic_writing *w, enum term what)
{
    return term_of(w->req, what);
}

static uint64_t default_max_tokens(const struct anthropic_writing *w, uint64_t most)
{
    uint64_t fallback = sl_str_eq(w->t->platform, SL_STR("bedrock")) ? MAX_TOKENS_BEDROCK : MAX_TOKENS_WHOLE;
    if (w->req->stream && fallback != MAX_TOKENS_BEDROCK)
        return most;
    return most < fallback ? most : fallback;
}

static bool plan_max_tokens(struct anthropic_writing *w)
{
    uint64_t most = w->t->caps->max_output > 0 ? w->t->caps->max_output : MAX_TOKENS_UNKNOWN;
    w->max_tokens = w->req->max_output;
    if (w->max_tokens == 0) {
        w->max_tokens = default_max_tokens(w, most);
    } else if (w->max_tokens > most && w->t->caps->max_output > 0) {
        if (anthropic_refuses(w, false, term(w, TERM_MAX_OUTPUT), "clamped"))
            return false;
        w->max_tokens = most;
    }
    return true;
}

/* -- Thinking ----------------------------------------------------------------------------------------------------------------- */

/* With a budget the turn that goes on must begin with its thoughts (anthropic.md 2.8). */
static bool lacks_thoughts(const struct anthropic_writing *w)
{
    bool lacks = false;
    for (const struct anthropic_message *m = w->messages; m != NULL; m = m->next) {
        const struct anthropic_block *first = m->blocks.first;
        if (m->role == AR_USER && first->kind != AB_RESULT)
            lacks = false; /* a new turn */
        else if (m->role == AR_ASSISTANT && first->kind != AB_THINKING && first->kind != AB_REDACTED)
            lacks = true;
    }
    return lacks;
}

static bool ends_with_assistant(const struct anthropic_writing *w)
{
    const struct anthropic_message *last = w->messages;
    while (last != NULL && last->next != NULL)
        last = last->next;
    return last != NULL && last->role == AR_ASSISTANT;
}

static bool plan_no_thinking(struct anthropic_writing *w)
{
    const struct model_caps *caps = w->t->caps;
    w->thinking = AT_UNSAID;
    if (caps->thinking != THINK_ADAPTIVE)
        return true; /* off unless asked for */
    if ((caps->flags & CAP_THINKING_OFF) != 0)
        w->thinking = AT_DISABLED;
    else if ((caps->efforts & EFFORT_BIT(EFFORT_NONE)) != 0)
        w->thinking = AT_BETWEEN_TOOLS;
    else if (anthropic_refuses(w, false, term(w, TERM_REASONING), "lowest"))
        return false;
    else
        w->effort = effort_fit(EFFORT_LOW, caps->efforts);
    return true;
}

static bool plan_manual(struct anthropic_writing *w, enum neutral_effort wanted)
{
    int64_t said = w->req->reasoning.budget;
    uint64_t budget = said > 0 ? (uint64_t)said : effort_budget(wanted, w->max_tokens);
    w->thinking_by_effort = said <= 0;
    if (said > 0 && budget < BUDGET_LEAST)
        budget = BUDGET_LEAST;
    if (said > 0 && budget >= w->max_tokens) /* some of it is for the answer */
        budget = w->max_tokens / 5 * 4;
    if (budget < BUDGET_LEAST && (said > 0 || wanted > EFFORT_NONE))
        return !anthropic_refuses(w, false, term(w, TERM_REASONING), "no room for it");
    if (budget < BUDGET_LEAST)
        return true;
    if (lacks_thoughts(w) || ends_with_assistant(w))
        return !anthropic_refuses(w, false, term(w, TERM_REASONING), "off in this turn");
    w->thinking = AT_MANUAL;
    w->budget = budget;
    return true;
}

static bool plan_thinking(struct anthropic_writing *w)
{
    const struct neutral_reasoning *r = &w->req->reasoning;
    const struct model_caps *caps = w->t->caps;
    enum neutral_effort wanted = effort_wanted(r);
    bool asked = wanted != EFFORT_UNSAID || r->budget == -2 || r->visible == SAID_YES;
    w->show_thinking = w->t->show_reasoning && r->visible != SAID_NO;
    if (!asked)
        return true;
    if (wanted == EFFORT_NONE)
        return plan_no_thinking(w);
    switch (caps->thinking) {
    case THINK_ADAPTIVE:
        w->thinking = AT_ADAPTIVE;
        w->effort = effort_fit(wanted, (uint16_t)(caps->efforts & ~EFFORT_BIT(EFFORT_NONE)));
        return true;
    case THINK_BUDGET:
        return plan_manual(w, wanted);
    default:
        return wanted == EFFORT_UNSAID || !anthropic_refuses(w, false, term(w, TERM_REASONING), "");
    }
}

/* -- JSON ------------------------------------------------------------------------------------------------------------------------ */

static bool takes_forced_tool(const struct anthropic_writing *w)
{
    return (w->flags & CAP_FORCED_TOOL) != 0 && w->thinking != AT_MANUAL;
}

/* An instruction that the model may follow: with the schema where there is one. */
static bool ask_in_words(struct anthropic_writing *w)
{
    const struct neutral_request *req = w->req;
    if (anthropic_refuses(w, false, term(w, TERM_FORMAT), "instruction"))
        return false;
    w->format = AF_WORDS;
    w->t->json_asked_in_words = true;
    struct anthropic_block *b = anthropic_add_block(w, &w->system, AB_TEXT);
    if (req->format == NF_JSON_OBJECT || req->schema.n == 0) {
        b->text = SL_STR("Respond with one JSON object and nothing else.");
        return true;
    }
    struct sl_str about = req->schema_description, schema = json_escape(req->schema, w->a);
    b->text = sl_arena_printf(
        w->a,
        "Respond with one JSON value that fits this JSON Schema and nothing else, without a code fence.%s" SL_STR_FMT
        "\\n\\n" SL_STR_FMT,
        about.n > 0 ? " " : "", SL_STR_ARG(about), SL_STR_ARG(schema));
    return true;
}

static bool ask_by_tool(struct anthropic_writing *w)
{
    bool wrapped = false;
    struct anthropic_tool *tools = sl_arena_alloc(w->a, (w->n_tools + 1) * sizeof *tools);
    if (w->n_tools > 0)
        memcpy(tools, w->tools, w->n_tools * sizeof *tools);
    struct neutral_tool *tool = SL_ARENA_NEW(w->a, struct neutral_tool);
    *tool = (struct neutral_tool){.kind = NT_FUNCTION,
                                  .name = SL_STR(JSON_TOOL),
                                  .description = w->req->schema_description.n > 0
                                                     ? w->req->schema_description
                                                     : SL_STR("Gives the answer. Call this tool to respond.")};
    if (sl_map_get(&w->by_name, tool->name) != NULL)
        tool->name = SL_STR("sluice_" JSON_TOOL);
    tools[w->n_tools] = (struct anthropic_tool){
        .tool = tool,
        .name = tool->name,
        .schema = anthropic_schema_of_tool(w->req->schema, w->req->schema_is_google, w->a, &wrapped)};
    tools[w->n_tools].wrapped = wrapped;
    w->tools = tools;
    w->format = AF_TOOL;
    w->choice = w->n_tools++ > 0 ? NCH_REQUIRED : NCH_NAMED;
    w->choice_name = tool->name;
    w->single_calls = true;
    w->t->json_tool = tool->name;
    anthropic_list_wrapped(w);
    return true;
}

static bool plan_format(struct anthropic_writing *w)
{
    const struct neutral_request *req = w->req;
    bool changed = false;
    if (req->format == NF_JSON_OBJECT)
        return ask_in_words(w);
    if (req->format != NF_JSON_SCHEMA)
        return true;
    bool fits = !ends_with_assistant(w);
    if (fits && (w->flags & CAP_SCHEMA) != 0 && w->native) {
        w->schema = req->schema;
        w->format = AF_NATIVE;
        return true;
    }
    if (fits && (w->flags & CAP_SCHEMA) != 0 &&
        anthropic_schema_of_answer(req->schema, req->schema_is_google, w->a, &w->schema, &changed)) {
        w->schema = json_with_text(w->schema, SL_STR("description"), req->schema_description, w->a);
        w->format = AF_NATIVE;
        return true;
    }
    bool free_choice = w->choice == NCH_UNSAID || w->choice == NCH_AUTO || w->choice == NCH_NONE;
    if (takes_forced_tool(w) && free_choice && !ends_with_assistant(w) && (w->n_tools == 0 || w->choice != NCH_NONE))
        return ask_by_tool(w);
    return ask_in_words(w);
}

/* -- The choice of tools ------------------------------------------------------------------------------------------------------------- */

static void keep_only(struct anthropic_writing *w, struct sl_str name)
{
    for (unsigned i = 0; i < w->n_tools; i++) {
        if (!sl_str_eq(w->tools[i].name, name))
            continue;
        w->tools[0] = w->tools[i];
        w->n_tools = 1;
        return;
    }
}

/* A tool must be called, but the model cannot be made to. */
static bool plan_unforced(struct anthropic_writing *w)
{
    if (w->thinking == AT_MANUAL && w->thinking_by_effort && (w->flags & CAP_FORCED_TOOL) != 0) {
        w->thinking = AT_UNSAID; /* of the two wishes the one that the result is read by */
        return !anthropic_refuses(w, false, term(w, TERM_REASONING), "off for a forced tool");
    }
    if (anthropic_refuses(w, false, term(w, TERM_TOOL_CHOICE), "auto"))
        return false;
    if (w->choice == NCH_NAMED)
        keep_only(w, w->choice_name);
    w->choice = NCH_AUTO;
    return true;
}

static bool is_sent(const struct anthropic_writing *w, const struct neutral_tool *tool)
{
    for (unsigned i = 0; i < w->n_tools; i++)
        if (w->tools[i].tool == tool)
            return true;
    return false;
}

/* What the chosen tool is called here: those that run here have names of their own. Empty: it was left out. */
static struct sl_str name_of_choice(const struct anthropic_writing *w, struct sl_str name)
{
    const struct neutral_tool *tool = unsaid_chosen(w->req, name);
    bool hosted = tool != NULL && (tool->kind == NT_WEB_SEARCH || tool->kind == NT_HOSTED);
    if (tool != NULL && !is_sent(w, tool))
        return SL_STR_NONE;
    if (hosted && !w->native)
        return tool->kind == NT_WEB_SEARCH ? SL_STR("web_search") : SL_STR("code_execution");
    return names_fit(&names_anthropic, name, w->a);
}

static bool plan_choice(struct anthropic_writing *w)
{
    const struct neutral_choice *c = &w->req->choice;
    switch (c->mode) {
    case NCH_ALLOWED_AUTO:
        w->choice = NCH_AUTO;
        break;
    case NCH_ALLOWED_REQUIRED:
        w->choice = NCH_REQUIRED;
        break;
    default:
        w->choice = c->mode;
    }
    if (c->mode == NCH_NAMED && c->n_names > 0)
        w->choice_name = name_of_choice(w, c->names[0]);
    bool forced = w->choice == NCH_REQUIRED || w->choice == NCH_NAMED;
    bool lost = w->n_tools == 0 || (w->choice == NCH_NAMED && w->choice_name.n == 0);
    w->single_calls = c->parallel == SAID_NO;
    if (lost)
        w->choice = NCH_UNSAID;
    return !lost || !forced || w->req->tools == NULL || !anthropic_refuses(w, false, term(w, TERM_TOOL_CHOICE), "");
}

bool anthropic_plan(struct anthropic_writing *w)
{
    if (!plan_choice(w) || !plan_max_tokens(w) || !plan_thinking(w))
        return false;
    bool forced = w->choice == NCH_REQUIRED || w->choice == NCH_NAMED;
    if (forced && !takes_forced_tool(w) && !plan_unforced(w))
        return false;
    if (!plan_format(w))
        return false;
    if (w->n_tools == 0 || w->choice == NCH_NONE)
        w->single_calls = false;
    if (w->single_calls && w->choice == NCH_UNSAID)
        w->choice = NCH_AUTO;
    return true;
}
