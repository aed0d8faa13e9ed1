/* Law (d) from the side of the neutral form: each member of it that a request can have is said to the provider, or a note names it,
 * or it is written down here why nothing is owed. The lists below have every member once: one that is added to neutral.h does not
 * compile here until it has a value, and fails until there is a decision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/codec.h"
#include "dialect/terms.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct sl_arena arena;
static struct sl_arena_cache arena_cache;

/* -- Who is asked, and by whom ----------------------------------------------------------------------------------------- */

enum {
    TARGETS = 7
};
static const struct {
    const char *name, *dialect, *model, *platform;
} targets[TARGETS] = {
    {"chat at OpenAI", "openai", "gpt-4.1", ""},
    {"chat elsewhere", "openai", "some-model", "compatible"},
    {"responses", "openai-responses", "gpt-5.2", ""},
    {"messages", "anthropic", "claude-opus-4-6", ""},
    {"gemini", "gemini", "gemini-2.5-pro", ""},
    {"vertex", "gemini", "gemini-2.5-pro", "vertex"},
    {"converse", "bedrock-converse", "amazon.nova-2-lite-v1:0", ""},
};
static const char *const faces[] = {"openai", "openai-responses", "anthropic", "gemini"};

/* -- A request with everything in it -------------------------------------------------------------------------------------- */

#define S(text) SL_STR_INIT(text)
#define NONE                                                                                                           \
    {                                                                                                                  \
        NULL, 0                                                                                                        \
    }

/* Positional on purpose: a member that is added must be written here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wmissing-field-initializers"

static struct neutral_part the_text = {.kind = NP_TEXT, .text = S("mk-text")};
static struct neutral_message the_message = {.role = NR_USER, .parts = &the_text};
static const struct sl_str the_names[] = {S("mk_named")}, the_stops[] = {S("mk-stop")};
static struct neutral_member the_unknown = {S("mk_unheard_of"), S("{\"a\":1}"), false, NULL};
static struct neutral_member the_within = {.name = S("tools[0].mk_within"), .raw = S("1")};
static struct neutral_member the_echo = {S("mk_echo"), S("1"), false, NULL};

/* clang-format off */
static const struct neutral_tool full_tool = {
    NT_CUSTOM,                /* kind */
    NC_5M,                    /* cache */
    NULL,                     /* next: no wish */
    S("mk_named"),            /* name */
    S("mk-description"),      /* description */
    S("{\"type\":\"object\",\"properties\":{\"mk_member\":{\"type\":\"string\"}},\"required\":[\"mk_member\"],"
      "\"additionalProperties\":false}"), /* schema */
    true,                     /* schema_is_google */
    SAID_YES,                 /* strict */
    S("mk_space"),            /* space */
    S("function"),            /* type */
    S("{}"),                  /* raw */
    S("tools"),               /* list */
    3,                        /* index */
    2,                        /* inner */
};

static struct neutral_tool the_tool;

static const struct neutral_request full = {
    (const struct dialect *)1, /* from */
    NO_COUNT_TOKENS,           /* kind */
    S("mk-model"),             /* model */
    true,                      /* stream */
    SAID_YES,                  /* include_usage */
    &the_message,              /* messages */
    3,                         /* earlier */
    &the_tool,                 /* tools */
    {NCH_NAMED, the_names, 1, SAID_NO}, /* choice */
    true,                      /* legacy_functions */
    true,                      /* left_tool_search */
    1717,                      /* max_output */
    S("0.137913"),             /* temperature */
    S("0.973131"),             /* top_p */
    S("47"),                   /* top_k */
    S("737373"),               /* seed */
    S("0.151617"),             /* presence_penalty */
    S("0.181920"),             /* frequency_penalty */
    3,                         /* n */
    the_stops,                 /* stops */
    1,                         /* n_stops */
    SAID_YES,                  /* logprobs */
    4,                         /* top_logprobs */
    S("{\"4711\":5}"),         /* logit_bias */
    NF_JSON_SCHEMA,            /* format */
    S("mk_schema_name"),       /* schema_name */
    S("mk-schema-description"), /* schema_description */
    S("{\"type\":\"object\",\"properties\":{\"mk_answer\":{\"type\":\"string\"}},\"required\":[\"mk_answer\"],"
      "\"additionalProperties\":false}"), /* schema */
    true,                      /* schema_is_google */
    SAID_YES,                  /* schema_strict */
    {EFFORT_HIGH, 4096, SAID_YES, S("concise")}, /* reasoning */
    S("low"),                  /* verbosity */
    S("mk-user"),              /* user */
    S("{\"k\":\"mk-label\"}"), /* metadata */
    S("flex"),                 /* service_tier */
    S("mk-cache-key"),         /* prompt_cache_key */
    SAID_YES,                  /* store */
    S("[\"text\",\"audio\"]"), /* modalities */
    true,                      /* wants_audio */
    true,                      /* wants_image */
    S("{\"voice\":\"mk_voice\",\"format\":\"wav\"}"), /* audio */
    S("[{\"category\":\"HARM_CATEGORY_HARASSMENT\",\"threshold\":\"BLOCK_NONE\"}]"), /* safety_settings */
    S("resp_mk"),              /* previous_response_id */
    S("\"conv_mk\""),          /* conversation */
    S("[\"message.output_text.logprobs\"]"), /* include */
    true,                      /* background */
    13,                        /* max_tool_calls */
    &the_unknown,              /* unknown */
    {&the_within, &the_within, 1}, /* within */
    &the_echo,                 /* echo */
};
static const struct neutral_part full_part = {
    NP_FILE,               /* kind */
    NC_5M,                 /* cache */
    1, 1, 1,               /* item, at, inner: for error texts */
    NULL,                  /* next: no wish */
    S("mk-part"),          /* text */
    {NS_TEXT, S("mk-data"), S("text/plain"), S("mk-name.txt"), S("low"), S("mk-context"), S("0.5")}, /* media */
    S("mk-signature"),     /* signature */
    S("mk-encrypted"),     /* encrypted */
    S("call_mk"),          /* id */
    S("mk_called"),        /* name */
    S("{\"mk\":1}"),       /* arguments */
    true,                  /* custom */
    true,                  /* is_error */
    &the_text,             /* content */
    S("{\"type\":\"mk_raw\"}"), /* raw */
    S("mk_raw"),           /* type */
    S("[{\"url\":\"https://mk-cite.test\",\"type\":\"url_citation\"}]"), /* citations */
};
static const struct neutral_message full_message = {
    NR_USER,         /* role: which list it goes to */
    7,               /* index: for error texts */
    NULL,            /* next: no wish */
    &the_text,       /* parts */
    S("mk_speaker"), /* name */
    S("mk_phase"),   /* phase */
};
/* clang-format on */
#pragma GCC diagnostic pop

/* -- Decisions ----------------------------------------------------------------------------------------------------------------- */

/* For each target, in their order: s it is said, n a note names it, ? one of both, which depends on the client; - nothing is owed,
 * and `why` says why. */
#define NOBODY TERM_COUNT
#define AS_FOUND ((enum term)(TERM_COUNT + 1))

struct place {
    size_t at, n;
};
struct row {
    const char *decisions;
    enum term named;   /* what a note calls it */
    const char *found; /* what says it, by '|' */
    const char *why;
    struct place set[4]; /* what the request has besides the message */
};

#define R(m)                                                                                                           \
    {                                                                                                                  \
        offsetof(struct neutral_request, m), sizeof(((struct neutral_request *)0)->m)                                  \
    }
#define T(m)                                                                                                           \
    {                                                                                                                  \
        offsetof(struct neutral_tool, m), sizeof(((struct neutral_tool *)0)->m)                                        \
    }

/* clang-format off */
static const struct row rows[] = {
    {"-------", NOBODY, "", "whose client it is", {R(from)}},
    {"-------", NOBODY, "", "what is asked: an operation of its own", {R(kind)}},
    {"-------", NOBODY, "", "the target's own name of the model goes in its place", {R(model)}},
    {"-------", NOBODY, "", "in the path or the body; the exchange knows", {R(stream)}},
    {"-------", NOBODY, "", "usage is always asked for; the face shows or hides it", {R(include_usage)}},
    {"sssssss", NOBODY, "mk-text", NULL, {R(messages)}},
    {"-------", NOBODY, "", "how notes call an item", {R(earlier)}},
    {"sssssss", NOBODY, "mk_named", NULL, {R(tools)}},
    {"sssssss", TERM_TOOL_CHOICE, "\"tool_choice\"|toolChoice|functionCallingConfig", NULL,
     {R(choice.mode), R(choice.names), R(choice.n_names), R(tools)}},
    {"ssssnnn", TERM_PARALLEL, "parallel", NULL,
     {R(choice.parallel), R(tools)}},
    {"-------", NOBODY, "", "how calls are answered", {R(legacy_functions)}},
    {"-------", NOBODY, "", "what the reader left out; named by what it was", {R(left_tool_search)}},
    {"sssssss", NOBODY, "1717", NULL, {R(max_output)}},
    {"sssssss", TERM_TEMPERATURE, "0.137913", NULL, {R(temperature)}},
    {"sssssss", TERM_TOP_P, "0.973131", NULL, {R(top_p)}},
    {"n?nssss", TERM_TOP_K, "47", NULL, {R(top_k)}},
    {"ssnnssn", TERM_SEED, "737373", NULL, {R(seed)}},
    {"ssnnnsn", TERM_PRESENCE, "0.151617", NULL, {R(presence_penalty)}},
    {"ssnnnsn", TERM_FREQUENCY, "0.181920", NULL, {R(frequency_penalty)}},
    {"ssnnnnn", TERM_N, "\"n\":3|\"candidateCount\":3", NULL, {R(n)}},
    {"ss-ssss", TERM_STOP, "mk-stop", "Responses: looked for in the answer", {R(stops), R(n_stops)}},
    {"ssnnnsn", TERM_LOGPROBS, "logprobs|Logprobs", NULL, {R(logprobs)}},
    {"ssnnnsn", TERM_LOGPROBS, "\"top_logprobs\":4|\"logprobs\":4", NULL, {R(logprobs), R(top_logprobs)}},
    {"ssnnnnn", TERM_LOGIT_BIAS, "4711", NULL, {R(logit_bias)}},
    {"sssssss", TERM_FORMAT, "mk_answer", NULL, {R(format), R(schema)}},
    {"-------", NOBODY, "", "a label for whoever writes the request", {R(format), R(schema), R(schema_name)}},
    {"sssssss", TERM_FORMAT, "mk-schema-description", NULL, {R(format), R(schema), R(schema_description)}},
    {"-------", NOBODY, "", "how the schema is spelled", {R(format), R(schema), R(schema_is_google)}},
    {"-------", NOBODY, "", "elsewhere a schema is always kept to", {R(format), R(schema), R(schema_strict)}},
    {"nnsssss", TERM_REASONING, "high|thinking", NULL, {R(reasoning.effort)}},
    {"nnsssss", TERM_REASONING, "4096|thinking|low|effort|enabled", NULL, {R(reasoning.budget)}},
    {"-------", NOBODY, "", "asked for where it is the target's to show; the face shows or hides it", {R(reasoning.visible)}},
    {"-------", NOBODY, "", "the word with which Responses shows it", {R(reasoning.summary)}},
    {"nnsnnnn", TERM_VERBOSITY, "verbosity", NULL, {R(verbosity)}},
    {"ssssnnn", TERM_USER, "mk-user", NULL, {R(user)}},
    {"nn?nn?n", TERM_METADATA, "mk-label", NULL, {R(metadata)}},
    {"snsns?s", TERM_SERVICE_TIER, "flex", NULL, {R(service_tier)}},
    {"snsnnnn", TERM_CACHE_KEY, "mk-cache-key", NULL, {R(prompt_cache_key)}},
    {"??nnnnn", TERM_STORE, "\"store\":true", "of a client of Responses: kept here", {R(store)}},
    {"-------", NOBODY, "", "what wants_audio and wants_image are read from", {R(modalities)}},
    {"nnnnnnn", TERM_MODALITIES, "AUDIO", NULL, {R(wants_audio)}},
    {"nnnnnnn", TERM_MODALITIES, "IMAGE", NULL, {R(wants_image)}},
    {"nnnnnnn", TERM_AUDIO, "mk_voice", NULL, {R(audio)}},
    {"nnnnssn", TERM_SAFETY, "BLOCK_NONE", NULL, {R(safety_settings)}},
    {"nnnnnnn", TERM_PREVIOUS, "resp_mk", NULL, {R(previous_response_id)}},
    {"nnnnnnn", TERM_CONVERSATION, "conv_mk", NULL, {R(conversation)}},
    {"-------", NOBODY, "", "what a client of Responses gets besides; logprobs and reasoning have members of their own", {R(include)}},
    {"nnnnnnn", TERM_BACKGROUND, "background", NULL, {R(background)}},
    {"nnsnnnn", TERM_MAX_CALLS, "max_tool_calls", NULL, {R(max_tool_calls)}},
    {"???????", AS_FOUND, "mk_unheard_of", NULL, {R(unknown)}},
    {"nnnnnnn", AS_FOUND, "tools[0].mk_within", NULL, {R(within)}},
    {"-------", NOBODY, "", "said again in the answer, by its writer", {R(echo)}},
};

/* Of a function that is one of the tools. */
static const struct row tool_rows[] = {
    {"sssssss", TERM_TOOLS, "mk_named", NULL, {T(name)}},
    {"sssssss", TERM_TOOLS, "mk-description", NULL, {T(description)}},
    {"sssssss", TERM_TOOLS, "mk_member", NULL, {T(schema)}},
    {"sssssss", TERM_TOOLS, "mk_named", NULL, {T(kind)}}, /* a custom one */
    {"-------", NOBODY, "", "how the schema is spelled", {T(schema), T(schema_is_google)}},
    {"-------", NOBODY, "", "elsewhere a schema is kept to as far as the model can", {T(schema), T(strict)}},
    {"-------", NOBODY, "", "a prefix that the name has already", {T(space)}},
    {"-------", NOBODY, "", "of tools of providers", {T(type)}},
    {"-------", NOBODY, "", "of tools of providers", {T(raw)}},
    {"-------", NOBODY, "", "how notes call it", {T(list), T(index), T(inner)}},
    {"nn-snnn", TERM_CACHE_MARK, "cache_control|cachePoint",
     "a hint for prices; Responses caches by itself", {T(cache)}},
};
/* Parts, each in a message of its own. named: a note of the message or the part is enough. */
#define P(m) {offsetof(struct neutral_part, m), sizeof(((struct neutral_part *)0)->m)}
#define G(m) {offsetof(struct neutral_message, m), sizeof(((struct neutral_message *)0)->m)}
#define PNG "iVBORw0KGgoAAAANSUhEUmkmk123"
#define PDF "JVBERi0xLjQKJmkmkmkmkAAAAAAA"
#define WAV "UklGRiQAAABXQVZFZm10IBmkmkAA"
#define MP4 "AAAAGGZ0eXBtcDQyAAAAAGmkmkAA"

static const struct part_row {
    const char *decisions, *found, *why;
    enum neutral_role role;
    struct neutral_part part;
    struct place set[3]; /* what is decided by it */
} part_rows[] = {
    {"sssssss", "mk-part", NULL, NR_USER, {.kind = NP_TEXT, .text = S("mk-part")}, {P(text), P(kind)}},
    {"nn-snns", "cache_control|cachePoint", "a hint for prices; Responses caches by itself", NR_USER,
     {.kind = NP_TEXT, .cache = NC_5M, .text = S("a long text")}, {P(cache)}},
    {"-------", "mk-cite", "marks on what the model said itself: translate-openai-anthropic.md 6 and 9 drop them", NR_ASSISTANT,
     {.kind = NP_TEXT, .text = S("x"), .citations = S("[{\"url\":\"https://mk-cite.test\",\"type\":\"url_citation\"}]")}, {P(citations)}},
    {"sssssss", "mk-part", NULL, NR_ASSISTANT, {.kind = NP_REFUSAL, .text = S("mk-part")}, {P(text)}},
    {"-------", "", "thoughts go home and nowhere else: law (g) of test_requests.c", NR_ASSISTANT,
     {.kind = NP_REASONING, .text = S("hm"), .signature = S("mk-signature")}, {P(signature), P(encrypted)}},
    {"sssssss", PNG, NULL, NR_USER, {.kind = NP_IMAGE, .media = {.data = S(PNG), .mime = S("image/png")}}, {P(media.data), P(media.mime), P(media.source)}},
    {"sssnnnn", "\"detail\":\"low\"|MEDIA_RESOLUTION_LOW", NULL, NR_USER,
     {.kind = NP_IMAGE, .media = {.data = S(PNG), .mime = S("image/png"), .detail = S("low")}}, {P(media.detail)}},
    {"nsnnssn", WAV, NULL, NR_USER, {.kind = NP_AUDIO, .media = {.data = S(WAV), .mime = S("audio/wav")}}, {P(media.data)}},
    {"nsnnsss", MP4, NULL, NR_USER, {.kind = NP_VIDEO, .media = {.data = S(MP4), .mime = S("video/mp4")}}, {P(media.data)}},
    {"nnnnssn", "\"fps\":0.5", NULL, NR_USER,
     {.kind = NP_VIDEO, .media = {.data = S(MP4), .mime = S("video/mp4"), .fps = S("0.5")}}, {P(media.fps)}},
    {"snsssss", PDF, NULL, NR_USER, {.kind = NP_FILE, .media = {.data = S(PDF), .mime = S("application/pdf")}}, {P(media.data)}},
    {"snss--s", "mk-name", "Gemini has no names for media in messages", NR_USER,
     {.kind = NP_FILE, .media = {.data = S(PDF), .mime = S("application/pdf"), .filename = S("mk-name.pdf")}}, {P(media.filename)}},
    {"sssssss", "mk-data|bWstZGF0YQ", NULL, NR_USER, {.kind = NP_FILE, .media = {.source = NS_TEXT, .data = S("mk-data"), .mime = S("text/plain")}}, {P(media.source)}},
    {"sssssss", "mk-context", NULL, NR_USER,
     {.kind = NP_FILE, .media = {.source = NS_TEXT, .data = S("x"), .mime = S("text/plain"), .context = S("mk-context")}}, {P(media.context)}},
    {"nn?nnnn", "file-mk", NULL, NR_USER, {.kind = NP_FILE, .media = {.source = NS_FILE_ID, .data = S("file-mk")}}, {P(media.source)}},
    {"sssssss", "mk_called", NULL, NR_ASSISTANT,
     {.kind = NP_TOOL_CALL, .id = S("call_mk"), .name = S("mk_called"), .arguments = S("{\"mk\":1}")}, {P(name)}},
    {"sssssss", "mk\\\":1|mk\":1", NULL, NR_ASSISTANT,
     {.kind = NP_TOOL_CALL, .id = S("call_mk"), .name = S("mk_called"), .arguments = S("{\"mk\":1}")}, {P(arguments)}},
    {"ssss?-s", "call_mk", "Vertex AI takes none: results stand in the order of their calls", NR_ASSISTANT,
     {.kind = NP_TOOL_CALL, .id = S("call_mk"), .name = S("mk_called"), .arguments = S("{\"mk\":1}")}, {P(id)}},
    {"sssssss", "mk-input", NULL, NR_ASSISTANT,
     {.kind = NP_TOOL_CALL, .id = S("call_mk"), .name = S("mk_called"), .text = S("mk-input"), .custom = true}, {P(custom)}},
    {"sssssss", "mk-text", NULL, NR_TOOL, {.kind = NP_TOOL_RESULT, .id = S("call_mk"), .name = S("mk_called"), .content = &the_text}, {P(content)}},
    {"sssssss", "\"is_error\":true|\"error\":\"mk-text|Error: mk-text|\"status\":\"error", NULL, NR_TOOL,
     {.kind = NP_TOOL_RESULT, .id = S("call_mk"), .name = S("mk_called"), .content = &the_text, .is_error = true},
     {P(is_error), P(id), P(content)}},
    {"nnnnnnn", "mk_raw", NULL, NR_USER, {.kind = NP_UNKNOWN, .type = S("mk_raw"), .raw = S("{\"type\":\"mk_raw\"}")}, {P(raw), P(type)}},
    {"-------", "", "how notes call it", NR_USER, {.kind = NP_TEXT, .text = S("x")}, {P(item), P(at), P(inner)}},
    {"nn-nnnn", "mk_raw", "items of Responses' own go there only", NR_ASSISTANT,
     {.kind = NP_HOSTED, .type = S("mk_raw"), .raw = S("{\"type\":\"mk_raw\"}")}, {P(raw), P(type)}},
};
/* clang-format on */

/* -- The test ---------------------------------------------------------------------------------------------------------------------- */

static bool one_of(const char *words, struct sl_str text)
{
    for (struct sl_str left = sl_str_c(words); left.n > 0;)
        if (sl_str_find_str(text, sl_str_cut(&left, '|')) >= 0)
            return true;
    return false;
}

static void copy(void *to, const void *from, const struct place *set, size_t n)
{
    for (size_t i = 0; i < n && set[i].n > 0; i++)
        memcpy((char *)to + set[i].at, (const char *)from + set[i].at, set[i].n);
}

static unsigned n_said, n_noted;

static bool is_noted(const struct neutral_request *req, const struct neutral_notes *notes,
                     const struct neutral_message *m)
{
    struct sl_str place = term_message(req, m, &arena);
    for (const struct neutral_note_row *r = notes->first; r != NULL; r = r->next)
        if (sl_str_starts(r->what, place) || sl_str_eq(r->what, term_of(req, TERM_CACHE_MARK)))
            return true;
    return false;
}

/* What became of it: 's', 'n', or 0: nothing. */
static char fate(unsigned target, const struct neutral_request *req, const struct row *row,
                 const struct neutral_message *about)
{
    struct sl_buf out;
    struct request_refusal refusal;
    struct neutral_notes notes = {.a = &arena};
    struct translation t = {.face = req->from,
                            .up = dialect_find(sl_str_c(targets[target].dialect)),
                            .req = req,
                            .up_model = sl_str_c(targets[target].model),
                            .platform = sl_str_c(targets[target].platform),
                            .a = &arena,
                            .notes = &notes,
                            .id = SL_STR("x1"),
                            .show_reasoning = true,
                            .unsupported = UNSUPPORTED_DROP};
    t.caps = caps_find(t.up->codec->caps, t.up_model);
    sl_buf_init(&out, 1u << 20);
    bool written = t.up->codec->request_write(&t, &out, &refusal);
    if (!written)
        fail_msg("%s: refused for " SL_STR_FMT, targets[target].name, SL_STR_ARG(refusal.error.param));
    bool said = one_of(row->found, sl_buf_str(&out)) || one_of(row->found, t.tier), noted = false;
    struct sl_str name = row->named < TERM_COUNT ? term_of(req, row->named) : sl_str_c(row->found);
    for (const struct neutral_note_row *r = notes.first; r != NULL; r = r->next)
        noted = noted || sl_str_eq(r->what, name) || (row->named == TERM_TOOLS && sl_str_starts(r->what, name));
    noted = noted || (about != NULL && is_noted(req, &notes, about));
    sl_buf_done(&out);
    n_said += said;
    n_noted += noted && !said;
    return said ? 's' : noted ? 'n' : 0;
}

static unsigned bad;

static void judge(const char *list, size_t index, const struct row *row, const struct neutral_request *like)
{
    struct neutral_request req = *like;
    for (unsigned target = 0; target < TARGETS; target++) {
        char want = row->decisions[target], all = 0;
        for (size_t face = 0; face < LEN(faces) && want != '-'; face++) {
            req.from = dialect_find(sl_str_c(faces[face]));
            if (req.from == dialect_find(sl_str_c(targets[target].dialect)))
                continue; /* nothing is translated */
            bool ours = req.store == SAID_YES && face == 1;
            char got = ours ? want : fate(target, &req, row, NULL);
            all = all == 0 || all == got ? got : '?';
            if (got == 0 || (want != '?' && got != want)) {
                printf("%s[%zu] (%s) for a client of %s at %s: %s, and not as decided (%c)\n", list, index, row->found,
                       faces[face], targets[target].name,
                       got == 0     ? "LOST"
                       : got == 's' ? "said"
                                    : "noted",
                       want);
                bad++;
            }
        }
    }
    assert_int_equal(strlen(row->decisions), TARGETS);
    if (strchr(row->decisions, '-') != NULL)
        assert_non_null(row->why);
}

static struct neutral_request blank(void)
{
    return (struct neutral_request){
        .n = 1, .messages = &the_message, .reasoning = {.budget = -1}, .model = SL_STR("mk-model")};
}

static void test_request(void **state)
{
    (void)state;
    the_tool = (struct neutral_tool){.kind = NT_FUNCTION, .name = full_tool.name, .schema = full_tool.schema};
    for (size_t i = 0; i < LEN(rows); i++) {
        struct neutral_request req = blank();
        sl_arena_reset(&arena);
        copy(&req, &full, rows[i].set, LEN(rows[i].set));
        judge("rows", i, &rows[i], &req);
    }
    assert_int_equal(bad, 0);
}

static void test_tools(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(tool_rows); i++) {
        struct neutral_request req = blank();
        sl_arena_reset(&arena);
        req.tools = &the_tool;
        the_tool = (struct neutral_tool){.kind = NT_FUNCTION, .name = full_tool.name};
        copy(&the_tool, &full_tool, tool_rows[i].set, LEN(tool_rows[i].set));
        judge("tool_rows", i, &tool_rows[i], &req);
    }
    assert_int_equal(bad, 0);
}

/* A conversation around it that every format takes. */
static char fate_of_message(unsigned target, size_t face, struct neutral_message *m, const char *found)
{
    struct neutral_part call = {.kind = NP_TOOL_CALL, .id = S("call_mk"), .name = S("mk_called"), .arguments = S("{}")};
    struct neutral_part result = {
        .kind = NP_TOOL_RESULT, .id = S("call_mk"), .name = S("mk_called"), .content = &the_text};
    struct neutral_tool tool = {
        .kind = NT_FUNCTION, .name = S("mk_called"), .schema = S("{\"type\":\"object\",\"properties\":{}}")};
    struct neutral_message go_on = {.role = NR_USER, .index = 90, .parts = &the_text};
    struct neutral_message before = {.role = NR_ASSISTANT, .index = 91, .parts = &call, .next = m};
    struct neutral_message behind = {.role = NR_TOOL, .index = 92, .parts = &result, .next = &go_on};
    struct neutral_message hi = {
        .role = NR_USER, .index = 93, .parts = &the_text, .next = m->role == NR_TOOL ? &before : m};
    struct neutral_request req = blank();
    tool.kind = m->parts->custom ? NT_CUSTOM : NT_FUNCTION;
    if (m->parts->custom)
        tool.schema = SL_STR_NONE;
    req.from = dialect_find(sl_str_c(faces[face]));
    req.messages = &hi;
    req.tools = &tool;
    m->next = m->parts->kind == NP_TOOL_CALL ? &behind : &go_on;
    result.custom = m->parts->custom;
    const struct row row = {.named = NOBODY, .found = found};
    return fate(target, &req, &row, m);
}

static void judge_message(size_t index, const char *decisions, struct neutral_message *m, const char *found)
{
    for (unsigned target = 0; target < TARGETS; target++) {
        char want = decisions[target];
        for (size_t face = 0; face < LEN(faces) && want != '-'; face++) {
            if (dialect_find(sl_str_c(faces[face])) == dialect_find(sl_str_c(targets[target].dialect)))
                continue;
            char got = fate_of_message(target, face, m, found);
            if (got == 0 || (want != '?' && got != want)) {
                printf("part_rows[%zu] (%s) for a client of %s at %s: %s, and not as decided (%c)\n", index, found,
                       faces[face], targets[target].name,
                       got == 0     ? "LOST"
                       : got == 's' ? "said"
                                    : "noted",
                       want);
                bad++;
            }
        }
    }
    assert_int_equal(strlen(decisions), TARGETS);
}

static void test_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(part_rows); i++) {
        struct neutral_part part = part_rows[i].part;
        struct neutral_message m = {.role = part_rows[i].role, .index = 1, .parts = &part};
        sl_arena_reset(&arena);
        judge_message(i, part_rows[i].decisions, &m, part_rows[i].found);
    }
    assert_int_equal(bad, 0);
}

static void test_messages(void **state)
{
    (void)state;
    struct neutral_message m = {.role = NR_USER, .index = 1, .parts = &the_text, .name = S("mk_speaker")};
    sl_arena_reset(&arena);
    judge_message(100, "snnnnnn", &m, "mk_speaker");
    assert_int_equal(bad, 0);
}

/* Each member that the full one has is in some row; those that it has not (next) say nothing. */
static void is_covered(const char *what, const void *whole, size_t n, const struct row *list, size_t n_rows)
{
    char *left = sl_arena_alloc(&arena, n), *none = sl_arena_zalloc(&arena, n);
    memcpy(left, whole, n);
    for (size_t i = 0; i < n_rows; i++)
        for (size_t s = 0; s < LEN(list[i].set) && list[i].set[s].n > 0; s++) {
            const struct place *p = &list[i].set[s];
            if (memcmp((const char *)whole + p->at, none, p->n) == 0 && strcmp(list[i].found, "mk-text") != 0)
                fail_msg("%s: the full one has nothing at %zu", what, p->at);
            memset(left + p->at, 0, p->n);
        }
    for (size_t at = 0; at < n; at++)
        if (left[at] != 0)
            fail_msg("%s: no decision for the member at byte %zu", what, at);
}

static void test_every_member(void **state)
{
    (void)state;
    is_covered("neutral_request", &full, sizeof full, rows, LEN(rows));
    is_covered("neutral_tool", &full_tool, sizeof full_tool, tool_rows, LEN(tool_rows));
    struct row parts[LEN(part_rows)] = {{.found = "mk-text"}};
    for (size_t i = 0; i < LEN(part_rows); i++) {
        parts[i].found = "mk-text";
        memcpy(parts[i].set, part_rows[i].set, sizeof part_rows[i].set);
    }
    is_covered("neutral_part", &full_part, sizeof full_part, parts, LEN(parts));
    /* phase is a mark of Responses' own, for its models alone; index is for error texts */
    const struct row messages[] = {{.found = "mk-text", .set = {G(role), G(index), G(parts), G(name)}},
                                   {.found = "mk-text", .set = {G(phase)}}};
    is_covered("neutral_message", &full_message, sizeof full_message, messages, LEN(messages));
    printf("%u wishes said, %u noted\n", n_said, n_noted);
}

static int set_up(void **state)
{
    (void)state;
    sl_arena_cache_init(&arena_cache, 64);
    sl_arena_init(&arena, &arena_cache);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    sl_arena_cache_done(&arena_cache);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_request), cmocka_unit_test(test_tools),
                                       cmocka_unit_test(test_parts), cmocka_unit_test(test_messages),
                                       cmocka_unit_test(test_every_member)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
