/* The laws of requests (laws.h: c, d, f, g) over generated ones: every wish of a client is in what the provider gets, or named in
 * what could not be said; a conversation that goes there and back is the same conversation; thoughts go home and nowhere else.
 * Wishes are found again by marks: numbers and words that stand nowhere else. Argument: cases for each pair. */
#include "laws.h"

#include <string.h>

#include "dialect/json_tree.h"
#include "dialect/relay_translate.h"

/* == Wishes ========================================================================================================== */

/* In json and found, '#' is a mark of six digits, '@' one of four (for counts that have a limit). */
struct wish {
    const char *json;  /* members */
    const char *named; /* what a note may call it, by '|' */
    const char *found; /* one of these, by '|', is in the provider's request when it was said */
};

static const struct wish chat_wishes[] = {
    {"\"temperature\":0.#", "temperature", "0.#"},
    {"\"top_p\":0.#", "top_p", "0.#"},
    {"\"seed\":#", "seed", "#"},
    {"\"presence_penalty\":0.#", "presence_penalty", "0.#"},
    {"\"frequency_penalty\":0.#", "frequency_penalty", "0.#"},
    {"\"stop\":[\"mk#\"]", "stop", "mk#"},
    {"\"user\":\"mk#\"", "user|safety_identifier", "mk#"},
    {"\"metadata\":{\"k\":\"mk#\"}", "metadata", "mk#"},
    {"\"logit_bias\":{\"#\":5}", "logit_bias", "#"},
    {"\"max_completion_tokens\":@", "max_completion_tokens", "@"},
    {"\"service_tier\":\"flex\"", "service_tier", "flex|standard_only"},
    {"\"n\":2", "n", "candidateCount|\"n\":2"},
    {"\"logprobs\":true,\"top_logprobs\":3", "logprobs|top_logprobs", "logprobs|Logprobs"},
    {"\"verbosity\":\"low\"", "verbosity", "verbosity"},
    {"\"prompt_cache_key\":\"mk#\"", "prompt_cache_key", "mk#"},
    {"\"store\":true", "store", "store"},
    {"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\","
     "\"properties\":{\"mk#\":{\"type\":\"string\"}},\"required\":[\"mk#\"],\"additionalProperties\":false}}}",
     "response_format", "mk#"},
    {"\"response_format\":{\"type\":\"json_object\"}", "response_format", "json_object|application/json|JSON"},
    {"\"prediction\":{\"type\":\"content\",\"content\":\"mk#\"}", "prediction", "mk#"},
    {"\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"mk#\",\"format\":\"wav\"}", "modalities|audio", "mk#"},
    {"\"web_search_options\":{\"search_context_size\":\"low\"}", "web_search_options", "web_search|googleSearch"},
    {"\"reasoning_effort\":\"high\"", "reasoning_effort", "high|thinking"},
    {"\"parallel_tool_calls\":false", "parallel_tool_calls", "parallel"},
    {"\"mk#_unheard_of\":{\"a\":1}", "mk#_unheard_of", "mk#_unheard_of"},
};
static const struct wish responses_wishes[] = {
    {"\"temperature\":0.#", "temperature", "0.#"},
    {"\"top_p\":0.#", "top_p", "0.#"},
    {"\"max_output_tokens\":@", "max_output_tokens", "@"},
    {"\"metadata\":{\"k\":\"mk#\"}", "metadata", "mk#"},
    {"\"user\":\"mk#\"", "user|safety_identifier", "mk#"},
    {"\"safety_identifier\":\"mk#\"", "safety_identifier", "mk#"},
    {"\"prompt_cache_key\":\"mk#\"", "prompt_cache_key", "mk#"},
    {"\"service_tier\":\"flex\"", "service_tier", "flex|standard_only"},
    {"\"text\":{\"verbosity\":\"low\"}", "text.verbosity", "verbosity"},
    {"\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":\"object\",\"properties\":{\"mk#\":{"
     "\"type\":\"string\"}},\"required\":[\"mk#\"],\"additionalProperties\":false}}}",
     "text.format", "mk#"},
    {"\"reasoning\":{\"effort\":\"high\"}", "reasoning", "high|thinking"},
    {"\"instructions\":\"mk#\"", "instructions", "mk#"},
    {"\"truncation\":\"auto\"", "truncation", "truncation"},
    {"\"max_tool_calls\":3", "max_tool_calls", "max_tool_calls"},
    {"\"top_logprobs\":3,\"include\":[\"message.output_text.logprobs\"]", "top_logprobs|include", "logprobs|Logprobs"},
    {"\"parallel_tool_calls\":false", "parallel_tool_calls", "parallel"},
    {"\"mk#_unheard_of\":{\"a\":1}", "mk#_unheard_of", "mk#_unheard_of"},
};
static const struct wish messages_wishes[] = {
    {"\"temperature\":0.#", "temperature", "0.#"},
    {"\"top_p\":0.#", "top_p", "0.#"},
    {"\"top_k\":@", "top_k", "@"},
    {"\"stop_sequences\":[\"mk#\"]", "stop_sequences", "mk#"},
    {"\"metadata\":{\"user_id\":\"mk#\"}", "metadata", "mk#"},
    {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}", "thinking", "2048|low|medium|high|thinking"},
    {"\"output_config\":{\"effort\":\"high\"}", "output_config.effort|thinking", "high|thinking"},
    {"\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{\"mk#\":{\"type\":"
     "\"string\"}},\"required\":[\"mk#\"],\"additionalProperties\":false}}}",
     "output_config.format", "mk#"},
    {"\"container\":\"mk#\"", "container", "mk#"},
    {"\"mcp_servers\":[{\"type\":\"url\",\"url\":\"https://mk#.example\",\"name\":\"x\"}]", "mcp_servers", "mk#"},
    {"\"context_management\":{\"edits\":[{\"type\":\"mk#\"}]}", "context_management", "mk#"},
    {"\"inference_geo\":\"mk#\"", "inference_geo", "mk#"},
    {"\"mk#_unheard_of\":{\"a\":1}", "mk#_unheard_of", "mk#_unheard_of"},
};
/* Those of generationConfig; a name of its own for the whole in front of each. */
static const struct wish gemini_config[] = {
    {"\"temperature\":0.#", "temperature", "0.#"},
    {"\"topP\":0.#", "topP", "0.#"},
    {"\"topK\":@", "topK", "@"},
    {"\"seed\":#", "seed", "#"},
    {"\"presencePenalty\":0.#", "presencePenalty", "0.#"},
    {"\"frequencyPenalty\":0.#", "frequencyPenalty", "0.#"},
    {"\"stopSequences\":[\"mk#\"]", "stopSequences", "mk#"},
    {"\"maxOutputTokens\":@", "maxOutputTokens", "@"},
    {"\"candidateCount\":2", "candidateCount", "candidateCount|\"n\":2"},
    {"\"responseLogprobs\":true,\"logprobs\":3", "responseLogprobs|logprobs", "logprobs|Logprobs"},
    {"\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"object\",\"properties\":{\"mk#\":{\"type\":"
     "\"string\"}},\"required\":[\"mk#\"],\"additionalProperties\":false}",
     "responseJsonSchema|responseSchema", "mk#"},
    {"\"responseMimeType\":\"application/json\"", "responseMimeType|responseSchema",
     "json_object|application/json|JSON"},
    {"\"thinkingConfig\":{\"thinkingBudget\":2048}", "thinkingConfig", "2048|low|medium|high|thinking"},
    {"\"mediaResolution\":\"MEDIA_RESOLUTION_LOW\"", "mediaResolution", "MEDIA_RESOLUTION_LOW"},
    {"\"mk#_unheard_of\":{\"a\":1}", "mk#_unheard_of", "mk#_unheard_of"},
};
static const struct wish gemini_wishes[] = {
    {"\"safetySettings\":[{\"category\":\"HARM_CATEGORY_HARASSMENT\",\"threshold\":\"BLOCK_NONE\"}]", "safetySettings",
     "BLOCK_NONE"},
    {"\"cachedContent\":\"cachedContents/mk#\"", "cachedContent", "mk#"},
    {"\"labels\":{\"k\":\"mk#\"}", "labels", "mk#"},
    {"\"store\":true", "store", "store"},
    {"\"mk#_unheard_of\":{\"a\":1}", "mk#_unheard_of", "mk#_unheard_of"},
};

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* == A generated request ============================================================================================= */

#define ASKED_MAX 24u

struct asked {
    struct sl_str named, found; /* marks put in */
};

struct draft {
    struct sl_buf body;
    struct asked asked[ASKED_MAX];
    unsigned n_asked;
    unsigned marks;
    enum format face;
    bool comma, has_tools;
};

static struct sl_str marked(const char *text, unsigned mark)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 16);
    for (; *text != 0; text++)
        if (*text == '#')
            sl_buf_addf(&b, "%06u", 100000 + mark % 900000);
        else if (*text == '@')
            sl_buf_addf(&b, "%u", 1500 + mark % 5000);
        else
            sl_buf_addc(&b, *text);
    return kept(&b);
}

static unsigned new_mark(struct draft *d)
{
    return ++d->marks * 7919u + (unsigned)the_case * 131u;
}

static void ask(struct draft *d, struct sl_str named, struct sl_str found)
{
    assert_true(d->n_asked < ASKED_MAX);
    d->asked[d->n_asked++] = (struct asked){named, found};
}

static void say(struct draft *d, const char *text)
{
    sl_buf_adds(&d->body, sl_str_c(text));
}

static void between(struct draft *d)
{
    if (d->comma)
        sl_buf_addc(&d->body, ',');
    d->comma = true;
}

static struct sl_str key_of(const char *json)
{
    const char *end = strchr(json + 1, '"');
    if (strncmp(json, "\"safety_identifier", 18) == 0) /* two names of one wish */
        return SL_STR("\"user\"");
    return sl_str_of(json, (size_t)(end - json) + 1);
}

/* Some of the wishes; none twice under one key. */
static void add_wishes(struct draft *d, const struct wish *wishes, size_t n, const char *prefix)
{
    struct sl_str keys[LEN(chat_wishes)];
    unsigned n_keys = 0;
    for (unsigned left = below(4); left > 0; left--) {
        const struct wish *w = &wishes[below((unsigned)n)];
        struct sl_str key = key_of(w->json);
        bool twice = false;
        for (unsigned i = 0; i < n_keys; i++)
            twice |= sl_str_eq(keys[i], key);
        if (twice)
            continue;
        keys[n_keys++] = key;
        unsigned mark = new_mark(d);
        between(d);
        sl_buf_adds(&d->body, marked(w->json, mark));
        ask(d, sl_arena_printf(&arena, "%s" SL_STR_FMT, prefix, SL_STR_ARG(marked(w->named, mark))),
            marked(w->found, mark));
    }
}

/* -- The conversation -- */

static const char *const names_used[] = {
    "get_weather", "f", "mcp__a_server__a_tool_with_a_name_of_more_than_64_bytes_altogether", "search-web", "lookup"};
static const char *const arguments_used[] = {"{}", "{\"city\":\"Oslo\"}", "{\"n\":12345678901234567890,\"f\":1.50}",
                                             "{\"text\":\"a\\n\\\"b\\\"\"}", "{\"deep\":{\"a\":[[],{}]}}"};
#define CALLS_MAX 3u

struct turn {
    struct sl_str user, assistant; /* inside; assistant may be empty */
    struct {
        struct sl_str id, name, arguments, result;
    } calls[CALLS_MAX];
    unsigned n_calls, order[CALLS_MAX]; /* in which results come */
};

static struct sl_str word(struct draft *d)
{
    static const char *const around[] = {"Say mk#", "mk#\\n\\u00e9 \\\"x\\\"", "\xf0\x9f\x98\x80 mk# </b>",
                                         "mk#: {\\\"a\\\":1}"};
    return marked(around[below(4)], new_mark(d));
}

static void make_turn(struct draft *d, struct turn *t, unsigned at, bool calls)
{
    t->user = word(d);
    t->assistant = one_in(3) && calls ? SL_STR_NONE : word(d);
    t->n_calls = calls ? 1 + below(CALLS_MAX) : 0;
    for (unsigned i = 0; i < t->n_calls; i++) {
        static const char *const ids[] = {"call_%", "toolu_01abc%", "call_AbCdEfGhIjKlMnOpQrStUvWx%"};
        const char *id = ids[below(3)];
        t->calls[i].id = sl_arena_printf(&arena, "%.*s%u_%u", (int)strlen(id) - 1, id, at, i);
        t->calls[i].name = sl_str_c(names_used[below(LEN(names_used))]);
        t->calls[i].arguments = sl_str_c(arguments_used[below(LEN(arguments_used))]);
        t->calls[i].result = word(d);
        t->order[i] = i;
    }
    if (t->n_calls > 1 && d->face != GEMINI && one_in(3)) {
        t->order[0] = t->n_calls - 1;
        t->order[t->n_calls - 1] = 0;
    }
}

/* One user part that is no text. */
struct medium {
    const char *json[FORMATS]; /* NULL: the format has none */
};
static const struct medium media[] = {
    {{"{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgoAAAANmk#AAAA\"}}",
      "{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"data:image/png;base64,iVBORw0KGgoAAAANmk#AAAA\"}",
      "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgoAAAANmk#AAAA\"}}",
      "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0KGgoAAAANmk#AAAA\"}}"}},
    {{"{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://example.com/mk#.png\"}}",
      "{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"https://example.com/mk#.png\"}",
      "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://example.com/mk#.png\"}}",
      "{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"https://example.com/mk#.png\"}}"}},
    {{"{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0xLjQKmk#AAAAAAAA\"}}",
      "{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0xLjQKmk#AAAAAAAA\"}",
      "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":"
      "\"JVBERi0xLjQKmk#AAAAAAAA\"}}",
      "{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"JVBERi0xLjQKmk#AAAAAAAA\"}}"}},
    {{"{\"type\":\"input_audio\",\"input_audio\":{\"format\":\"wav\",\"data\":\"UklGRgAAmk#\"}}", NULL, NULL,
      "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"UklGRgAAmk#\"}}"}},
    {{NULL, NULL, NULL, "{\"inlineData\":{\"mimeType\":\"video/mp4\",\"data\":\"AAAAGGZ0mk#\"}}"}},
};
static const struct {
    const char *messages, *parts;
} terms[FORMATS] = {{"messages", "content"}, {"input", "content"}, {"messages", "content"}, {"contents", "parts"}};

static void user_parts(struct draft *d, struct sl_str text, unsigned index)
{
    static const char *const texts[FORMATS] = {"{\"type\":\"text\",\"text\":\"", "{\"type\":\"input_text\",\"text\":\"",
                                               "{\"type\":\"text\",\"text\":\"", "{\"text\":\""};
    const struct medium *m = &media[below(LEN(media))];
    sl_buf_addf(&d->body, "[%s" SL_STR_FMT "\"}", texts[d->face], SL_STR_ARG(text));
    if (one_in(4) && m->json[d->face] != NULL) {
        unsigned mark = new_mark(d);
        sl_buf_addc(&d->body, ',');
        sl_buf_adds(&d->body, marked(m->json[d->face], mark));
        ask(d, sl_arena_printf(&arena, "%s[%u].%s[1]", terms[d->face].messages, index, terms[d->face].parts),
            marked("mk#", mark));
    }
    say(d, "]");
}

static void chat_turn(struct draft *d, const struct turn *t, unsigned *index)
{
    say(d, "{\"role\":\"user\",\"content\":");
    user_parts(d, t->user, *index);
    sl_buf_addf(&d->body, "},{\"role\":\"assistant\",\"content\":%s" SL_STR_FMT "%s",
                t->assistant.n > 0 ? "\"" : "null", SL_STR_ARG(t->assistant), t->assistant.n > 0 ? "\"" : "");
    for (unsigned i = 0; i < t->n_calls; i++) {
        sl_buf_addf(&d->body,
                    "%s{\"id\":\"" SL_STR_FMT "\",\"type\":\"function\",\"function\":{\"name\":\"" SL_STR_FMT
                    "\",\"arguments\":\"" SL_STR_FMT "\"}}",
                    i == 0 ? ",\"tool_calls\":[" : ",", SL_STR_ARG(t->calls[i].id), SL_STR_ARG(t->calls[i].name),
                    SL_STR_ARG(json_escape(t->calls[i].arguments, &arena)));
    }
    say(d, t->n_calls > 0 ? "]}" : "}");
    for (unsigned i = 0; i < t->n_calls; i++)
        sl_buf_addf(&d->body, ",{\"role\":\"tool\",\"tool_call_id\":\"" SL_STR_FMT "\",\"content\":\"" SL_STR_FMT "\"}",
                    SL_STR_ARG(t->calls[t->order[i]].id), SL_STR_ARG(t->calls[t->order[i]].result));
    *index += 2 + t->n_calls;
}

static void responses_turn(struct draft *d, const struct turn *t, unsigned *index)
{
    say(d, "{\"role\":\"user\",\"content\":");
    user_parts(d, t->user, *index);
    say(d, "}");
    if (t->assistant.n > 0)
        sl_buf_addf(
            &d->body,
            ",{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"" SL_STR_FMT
            "\",\"annotations\":[]}]}",
            SL_STR_ARG(t->assistant));
    for (unsigned i = 0; i < t->n_calls; i++)
        sl_buf_addf(&d->body,
                    ",{\"type\":\"function_call\",\"call_id\":\"" SL_STR_FMT "\",\"name\":\"" SL_STR_FMT
                    "\",\"arguments\":\"" SL_STR_FMT "\"}",
                    SL_STR_ARG(t->calls[i].id), SL_STR_ARG(t->calls[i].name),
                    SL_STR_ARG(json_escape(t->calls[i].arguments, &arena)));
    for (unsigned i = 0; i < t->n_calls; i++)
        sl_buf_addf(&d->body,
                    ",{\"type\":\"function_call_output\",\"call_id\":\"" SL_STR_FMT "\",\"output\":\"" SL_STR_FMT "\"}",
                    SL_STR_ARG(t->calls[t->order[i]].id), SL_STR_ARG(t->calls[t->order[i]].result));
    *index += 1 + (t->assistant.n > 0) + 2 * t->n_calls;
}

static void messages_turn(struct draft *d, const struct turn *t, unsigned *index)
{
    say(d, "{\"role\":\"user\",\"content\":");
    user_parts(d, t->user, *index);
    say(d, "},{\"role\":\"assistant\",\"content\":[");
    if (t->assistant.n > 0)
        sl_buf_addf(&d->body, "{\"type\":\"text\",\"text\":\"" SL_STR_FMT "\"}", SL_STR_ARG(t->assistant));
    for (unsigned i = 0; i < t->n_calls; i++)
        sl_buf_addf(&d->body,
                    "%s{\"type\":\"tool_use\",\"id\":\"" SL_STR_FMT "\",\"name\":\"" SL_STR_FMT
                    "\",\"input\":" SL_STR_FMT "}",
                    i > 0 || t->assistant.n > 0 ? "," : "", SL_STR_ARG(t->calls[i].id), SL_STR_ARG(t->calls[i].name),
                    SL_STR_ARG(t->calls[i].arguments));
    say(d, "]}");
    for (unsigned i = 0; i < t->n_calls; i++)
        sl_buf_addf(&d->body,
                    "%s{\"type\":\"tool_result\",\"tool_use_id\":\"" SL_STR_FMT "\",\"content\":\"" SL_STR_FMT "\"}%s",
                    i == 0 ? ",{\"role\":\"user\",\"content\":[" : ",", SL_STR_ARG(t->calls[t->order[i]].id),
                    SL_STR_ARG(t->calls[t->order[i]].result), i + 1 == t->n_calls ? "]}" : "");
    *index += 2 + (t->n_calls > 0);
}

static void gemini_turn(struct draft *d, const struct turn *t, unsigned *index)
{
    say(d, "{\"role\":\"user\",\"parts\":");
    user_parts(d, t->user, *index);
    say(d, "},{\"role\":\"model\",\"parts\":[");
    if (t->assistant.n > 0)
        sl_buf_addf(&d->body, "{\"text\":\"" SL_STR_FMT "\"}", SL_STR_ARG(t->assistant));
    for (unsigned i = 0; i < t->n_calls; i++)
        sl_buf_addf(&d->body,
                    "%s{\"functionCall\":{\"id\":\"" SL_STR_FMT "\",\"name\":\"" SL_STR_FMT "\",\"args\":" SL_STR_FMT
                    "}}",
                    i > 0 || t->assistant.n > 0 ? "," : "", SL_STR_ARG(t->calls[i].id), SL_STR_ARG(t->calls[i].name),
                    SL_STR_ARG(t->calls[i].arguments));
    say(d, "]}");
    for (unsigned i = 0; i < t->n_calls; i++)
        sl_buf_addf(&d->body,
                    "%s{\"functionResponse\":{\"id\":\"" SL_STR_FMT "\",\"name\":\"" SL_STR_FMT
                    "\",\"response\":{\"output\":\"" SL_STR_FMT "\"}}}%s",
                    i == 0 ? ",{\"role\":\"user\",\"parts\":[" : ",", SL_STR_ARG(t->calls[i].id),
                    SL_STR_ARG(t->calls[i].name), SL_STR_ARG(t->calls[i].result), i + 1 == t->n_calls ? "]}" : "");
    *index += 2 + (t->n_calls > 0);
}

static void add_system(struct draft *d, unsigned *index)
{
    struct sl_str text = word(d);
    if (d->face == CHAT) {
        sl_buf_addf(&d->body, "{\"role\":\"%s\",\"content\":\"" SL_STR_FMT "\"},", one_in(2) ? "system" : "developer",
                    SL_STR_ARG(text));
        *index = 1;
    } else if (d->face == RESPONSES) {
        sl_buf_addf(&d->body, "{\"role\":\"developer\",\"content\":\"" SL_STR_FMT "\"},", SL_STR_ARG(text));
        *index = 1;
    }
}

static void last_user(struct draft *d, unsigned index)
{
    sl_buf_addf(&d->body, "{\"role\":\"user\",\"%s\":", terms[d->face].parts);
    user_parts(d, word(d), index);
    say(d, "}");
}

static void add_conversation(struct draft *d)
{
    static void (*const turns[FORMATS])(struct draft *, const struct turn *, unsigned *) = {chat_turn, responses_turn,
                                                                                            messages_turn, gemini_turn};
    unsigned index = 0;
    between(d);
    sl_buf_addf(&d->body, "\"%s\":[", terms[d->face].messages);
    if (one_in(2))
        add_system(d, &index);
    for (unsigned i = 0, n = below(3); i < n; i++) {
        struct turn t;
        make_turn(d, &t, i, one_in(2));
        turns[d->face](d, &t, &index);
        say(d, ",");
    }
    last_user(d, index);
    say(d, "]");
}

static void add_system_apart(struct draft *d)
{
    struct sl_str text = word(d);
    between(d);
    if (d->face == MESSAGES)
        sl_buf_addf(&d->body, "\"system\":[{\"type\":\"text\",\"text\":\"" SL_STR_FMT "\"}]", SL_STR_ARG(text));
    else
        sl_buf_addf(&d->body, "\"systemInstruction\":{\"parts\":[{\"text\":\"" SL_STR_FMT "\"}]}", SL_STR_ARG(text));
}

static void add_tools(struct draft *d)
{
    static const char *const one[FORMATS] = {
        "{\"type\":\"function\",\"function\":{\"name\":\"%s\",\"description\":\"%s\",\"parameters\":%s}}",
        "{\"type\":\"function\",\"name\":\"%s\",\"description\":\"%s\",\"parameters\":%s,\"strict\":false}",
        "{\"name\":\"%s\",\"description\":\"%s\",\"input_schema\":%s}",
        "{\"name\":\"%s\",\"description\":\"%s\",\"parametersJsonSchema\":%s}"};
    between(d);
    say(d, d->face == GEMINI ? "\"tools\":[{\"functionDeclarations\":[" : "\"tools\":[");
    for (unsigned i = 0; i < LEN(names_used); i++) {
        unsigned mark = new_mark(d);
        char text[1024];
        struct sl_str schema = marked("{\"type\":\"object\",\"properties\":{\"mk#\":{\"type\":\"string\"}}}", mark);
        const char *format = one[d->face];
        const char *values[3] = {names_used[i], sl_arena_cstr(&arena, marked("Does mk#.", mark + 1)),
                                 sl_arena_cstr(&arena, schema)};
        size_t n = 0;
        for (unsigned v = 0; *format != 0; format++)
            if (format[0] == '%') {
                size_t add = strlen(values[v]);
                memcpy(text + n, values[v++], add);
                n += add;
                format++;
            } else {
                text[n++] = *format;
            }
        sl_buf_adds(&d->body, i > 0 ? SL_STR(",") : SL_STR_NONE);
        sl_buf_add(&d->body, text, n);
        ask(d, sl_arena_printf(&arena, "tools[%u]", i), marked("mk#", mark));
        ask(d, sl_arena_printf(&arena, "tools[%u]", i), marked("Does mk#.", mark + 1));
    }
    say(d, d->face == GEMINI ? "]}]" : "]");
}

static void make_draft(struct draft *d, enum format face)
{
    *d = (struct draft){.face = face};
    sl_buf_init(&d->body, 1u << 20);
    say(d, "{");
    if (face != GEMINI) {
        between(d);
        say(d, "\"model\":\"mine\"");
    }
    if (face == MESSAGES) {
        between(d);
        say(d, "\"max_tokens\":4321");
        ask(d, SL_STR("max_tokens"), SL_STR("4321"));
    }
    if ((face == MESSAGES || face == GEMINI) && one_in(2))
        add_system_apart(d);
    add_conversation(d);
    d->has_tools = one_in(2);
    if (d->has_tools)
        add_tools(d);
    if (face == CHAT)
        add_wishes(d, chat_wishes, LEN(chat_wishes), "");
    else if (face == RESPONSES)
        add_wishes(d, responses_wishes, LEN(responses_wishes), "");
    else if (face == MESSAGES)
        add_wishes(d, messages_wishes, LEN(messages_wishes), "");
    else {
        add_wishes(d, gemini_wishes, LEN(gemini_wishes), "");
        between(d);
        say(d, "\"generationConfig\":{");
        d->comma = false;
        add_wishes(d, gemini_config, LEN(gemini_config), "generationConfig.");
        say(d, "}");
    }
    say(d, "}");
}

/* == Reading and writing ================================================================================================ */

static struct neutral_request *read_request(enum format of, struct sl_str body)
{
    static const enum operation ops[FORMATS] = {OP_CHAT, OP_RESPONSES, OP_MESSAGES, OP_GENERATE};
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    struct request_refusal refusal = {.at = 0};
    const struct dialect *d = dialect_find(sl_str_c(formats[of].dialect));
    req->model = SL_STR("mine");
    if (!d->codec->request_read(ops[of], body, &arena, req, &refusal))
        FAIL_CASE("%s was not read: " SL_STR_FMT " " SL_STR_FMT "\n" SL_STR_FMT, formats[of].name,
                  SL_STR_ARG(refusal.error.param), SL_STR_ARG(refusal.error.message), SL_STR_ARG(body));
    return req;
}

/* Empty: refused, and *param names why. */
static struct sl_str written(struct translation *t, struct sl_str *param)
{
    struct sl_buf out;
    struct request_refusal refusal = {.at = 0};
    sl_buf_init(&out, 1u << 20);
    bool good = t->up->codec->request_write(t, &out, &refusal);
    *param = good ? SL_STR_NONE : refusal.error.param;
    struct sl_str body = kept(&out);
    if (!good && refusal.error.param.n == 0)
        FAIL_CASE("refused without a name: " SL_STR_FMT, SL_STR_ARG(refusal.error.message));
    return good ? body : SL_STR_NONE;
}

/* -- Law (d) -- */

static bool names_it(struct sl_str note, struct sl_str name)
{
    if (sl_str_starts(note, name))
        return note.n == name.n || note.p[name.n] == '.' || note.p[name.n] == '[';
    return sl_str_starts(name, note) && (name.p[note.n] == '.' || name.p[note.n] == '[');
}

/* One of the names; a prefix in front of the first ("generationConfig.") is in front of all. */
static bool named(const struct asked *a, struct sl_str note)
{
    ptrdiff_t dot = sl_str_starts(a->named, SL_STR("generationConfig.")) ? 17 : 0;
    struct sl_str left = a->named, prefix = sl_str_head(a->named, (size_t)dot);
    while (left.n > 0) {
        struct sl_str one = sl_str_cut(&left, '|');
        if (!sl_str_starts(one, prefix))
            one = sl_arena_printf(&arena, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(prefix), SL_STR_ARG(one));
        if (names_it(note, one))
            return true;
    }
    return false;
}

static bool found(const struct asked *a, struct sl_str body)
{
    struct sl_str left = a->found;
    while (left.n > 0)
        if (sl_str_find_str(body, sl_str_cut(&left, '|')) >= 0)
            return true;
    return false;
}

static void everything_is_told(const struct draft *d, const struct translation *t, struct sl_str body)
{
    for (unsigned i = 0; i < d->n_asked; i++) {
        bool told = found(&d->asked[i], body);
        for (const struct neutral_note_row *r = t->notes->first; r != NULL && !told; r = r->next)
            told = named(&d->asked[i], r->what);
        bool kept_back = t->stops_kept_back > 0 &&
                         sl_str_find_str(d->asked[i].named, SL_STR("top")) >= 0; /* matched here */
        bool idle = !d->has_tools &&
                    sl_str_starts(d->asked[i].named, SL_STR("parallel")); /* without tools it says nothing */
        if (!told && !kept_back && !idle)
            FAIL_CASE(SL_STR_FMT " (" SL_STR_FMT ") is lost; notes: " SL_STR_FMT "\n" SL_STR_FMT "\n-->\n" SL_STR_FMT,
                      SL_STR_ARG(d->asked[i].named), SL_STR_ARG(d->asked[i].found),
                      SL_STR_ARG(neutral_notes_text(t->notes, &arena, 1000)), SL_STR_ARG(sl_buf_str(&d->body)),
                      SL_STR_ARG(body));
    }
}

/* Whatever reject refuses is what report and drop would have named; without notes nothing is refused. */
static void reject_agrees(enum format face, enum format up, const struct neutral_request *req,
                          const struct translation *dropped, struct sl_str body)
{
    struct sl_str param;
    struct translation *t = translation(face, up, req);
    t->unsupported = UNSUPPORTED_REJECT;
    struct sl_str strict = written(t, &param);
    bool agrees = strict.n > 0 && sl_str_eq(strict, body);
    for (const struct neutral_note_row *r = dropped->notes->first; r != NULL && strict.n == 0; r = r->next)
        agrees |= sl_str_eq(r->what, param);
    if (!agrees)
        FAIL_CASE("reject says " SL_STR_FMT "; dropped " SL_STR_FMT, SL_STR_ARG(param),
                  SL_STR_ARG(neutral_notes_text(dropped->notes, &arena, 1000)));
}

/* -- Law (c): the conversation as a text -- */

struct digest {
    struct sl_buf out;
    char last; /* of which kind the running text is */
    struct sl_str ids[64];
    unsigned n_ids;
    struct {
        unsigned call;
        struct sl_str text;
    } results[CALLS_MAX + 1];
    unsigned n_results;
    const struct names_map *names; /* to undo what was renamed */
};

static void digest_text(struct digest *g, char kind, struct sl_str inside)
{
    struct sl_str text = json_plain(inside, &arena);
    if (text.n == 0)
        return;
    if (g->last != kind)
        sl_buf_addf(&g->out, "\n%c:", kind);
    g->last = kind;
    for (size_t i = 0; i < text.n; i++) /* system texts may be joined by an empty line */
        if (kind != 's' || text.p[i] != '\n')
            sl_buf_addc(&g->out, text.p[i]);
}

static void flush_results(struct digest *g)
{
    for (unsigned call = 0; call < g->n_ids && g->n_results > 0; call++)
        for (unsigned i = 0; i < g->n_results; i++)
            if (g->results[i].call == call) {
                sl_buf_addf(&g->out, "\nresult %u:" SL_STR_FMT, call, SL_STR_ARG(g->results[i].text));
                g->last = 'r';
            }
    g->n_results = 0;
}

static void digest_result(struct digest *g, const struct neutral_part *p)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 16);
    for (const struct neutral_part *c = p->content; c != NULL; c = c->next)
        sl_buf_adds(&b, json_plain(c->text, &arena));
    unsigned call = 0;
    for (unsigned i = 0; i < g->n_ids; i++)
        if (sl_str_eq(g->ids[i], p->id))
            call = i;
    assert_true(g->n_results <= CALLS_MAX);
    g->results[g->n_results].call = call;
    g->results[g->n_results++].text = kept(&b);
}

static void digest_message(struct digest *g, const struct neutral_message *m)
{
    char kind = m->role == NR_ASSISTANT ? 'a' : m->role == NR_SYSTEM || m->role == NR_DEVELOPER ? 's' : 'u';
    if (m->role != NR_TOOL)
        flush_results(g);
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        if (p->kind == NP_TOOL_RESULT) {
            digest_result(g, p);
        } else if (p->kind == NP_TOOL_CALL) {
            struct sl_str name = g->names != NULL ? names_back(g->names, p->name) : p->name;
            assert_true(g->n_ids < 64);
            g->ids[g->n_ids++] = p->id;
            sl_buf_addf(&g->out, "\ncall " SL_STR_FMT " " SL_STR_FMT, SL_STR_ARG(name), SL_STR_ARG(p->arguments));
            g->last = 'c';
        } else if (p->kind == NP_TEXT) {
            digest_text(g, kind, p->text);
        }
    }
}

static struct sl_str digest(const struct neutral_request *req, const struct names_map *names)
{
    struct digest *g = SL_ARENA_NEW(&arena, struct digest);
    g->names = names;
    sl_buf_init(&g->out, 1u << 20);
    for (const struct neutral_message *m = req->messages; m != NULL; m = m->next)
        digest_message(g, m);
    flush_results(g);
    for (const struct neutral_tool *t = req->tools; t != NULL; t = t->next)
        if (t->kind == NT_FUNCTION)
            sl_buf_addf(&g->out, "\ntool " SL_STR_FMT " " SL_STR_FMT,
                        SL_STR_ARG(names != NULL ? names_back(names, t->name) : t->name),
                        SL_STR_ARG(json_plain(t->description, &arena)));
    return kept(&g->out);
}

static bool was_folded(const struct translation *t) /* said in another way: in words, or in another message */
{
    for (const struct neutral_note_row *r = t->notes->first; r != NULL; r = r->next)
        if (r->how[0] != 0)
            return true;
    return false;
}

static unsigned n_refused, n_other;

static void one_case(enum format up, enum format face)
{
    struct draft *d = SL_ARENA_NEW(&arena, struct draft);
    struct sl_str param;
    make_draft(d, face);
    struct sl_str asked = sl_arena_str(&arena, sl_buf_str(&d->body));
    const struct neutral_request *req = read_request(face, asked);
    struct translation *t = translation(face, up, req);
    struct sl_str body = written(t, &param);
    n_refused += body.n == 0;
    if (body.n == 0) { /* refused even so: it must be something that was asked for */
        bool known = false;
        for (unsigned i = 0; i < d->n_asked; i++)
            known |= named(&d->asked[i], param);
        if (!known)
            FAIL_CASE("refused " SL_STR_FMT ":\n" SL_STR_FMT, SL_STR_ARG(param), SL_STR_ARG(asked));
        sl_buf_done(&d->body);
        return;
    }
    everything_is_told(d, t, body);
    reject_agrees(face, up, req, t, body);
    struct sl_str want = digest(req, NULL), got = digest(read_request(up, body), &t->names);
    bool words = req->format != NF_UNSAID && sl_str_find_str(body, SL_STR("JSON")) >= 0; /* an instruction was added */
    bool other = words || was_folded(t);
    n_other += other;
    if (!sl_str_eq(want, got) && !other)
        FAIL_CASE("another conversation:" SL_STR_FMT "\n--> became" SL_STR_FMT "\n" SL_STR_FMT "\n" SL_STR_FMT,
                  SL_STR_ARG(want), SL_STR_ARG(got), SL_STR_ARG(asked), SL_STR_ARG(body));
    sl_buf_done(&d->body);
}

static void test_generated(void **state)
{
    const struct pair *p = *state;
    double began = cpu_s();
    for (unsigned n = 0; n < cases_per_pair; n++) {
        begin_case(p->up, p->face, n);
        one_case(p->up, p->face);
    }
    cpu_of_pairs += cpu_s() - began;
}

/* == Law (g): thoughts go home, and nowhere else ========================================================================= */

#define SEALED "c2VhbGVkLXRob3VnaHQtb2YtdGhlLW1vZGVs" /* base64 of something that stands nowhere else */

static const char *const thought_of[FORMATS] = {
    [CHAT] =
        "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
        "\"assistant\",\"content\":null,\"reasoning\":\"Hm\",\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":"
        "\"" SEALED
        "\",\"index\":0}],\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
    [RESPONSES] =
        "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"completed\",\"model\":\"m\",\"output\":[{"
        "\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"Hm\"}],"
        "\"encrypted_content\":\"" SEALED
        "\"},{\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":"
        "\"f\",\"arguments\":\"{}\",\"status\":\"completed\"}]}",
    [MESSAGES] =
        "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"thinking\","
        "\"thinking\":\"Hm\",\"signature\":\"" SEALED
        "\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":"
        "{}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}",
    [GEMINI] =
        "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hm\",\"thought\":true},{\"functionCall\":{"
        "\"id\":\"call_1\",\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"" SEALED
        "\"}]},\"finishReason\":\"STOP\"}]}",
};
static const char *const first_ask[FORMATS] = {
    "{\"model\":\"mine\",\"reasoning_effort\":\"high\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}",
    "{\"model\":\"mine\",\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\"],"
    "\"input\":[{\"role\":\"user\",\"content\":\"hi\"}",
    "{\"model\":\"mine\",\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"messages\":[{\"role\":\"user\","
    "\"content\":\"hi\"}",
    "{\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true,\"thinkingBudget\":2048}},\"contents\":[{\"role\":\"user\","
    "\"parts\":[{\"text\":\"hi\"}]}",
};
static const char *const declared[FORMATS] = {
    "],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]}",
    "],\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false}]}",
    "],\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]}",
    "],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]}",
};

static const struct json_node *at_path(const struct json_tree *t, const char *const *path)
{
    const struct json_node *v = json_root(t);
    for (; *path != NULL; path++)
        v = **path == 0 ? json_child(v) : json_get(t, v, sl_str_c(*path));
    return v;
}

/* What a client sends next: everything again, the answer as it came, and the result of its call. */
static struct sl_str second_ask(enum format face, struct sl_str answer)
{
    static const char *const paths[FORMATS][5] = {
        {"choices", "", "message", NULL}, {"output", NULL}, {"content", NULL}, {"candidates", "", "content", NULL}};
    struct json_tree t;
    struct sl_buf b;
    assert_true(json_tree_read(&t, answer, &arena));
    struct sl_str said = json_raw_of(&t, at_path(&t, paths[face]));
    struct sl_str id = SL_STR_NONE; /* of the call, wherever it stands */
    for (uint32_t i = 0; i < t.n; i++) {
        struct sl_str v = json_inside_of(&t, &t.nodes[i]);
        bool is_id = json_key_is(&t, &t.nodes[i], SL_STR("id")) || json_key_is(&t, &t.nodes[i], SL_STR("call_id"));
        if (is_id && (sl_str_starts(v, SL_STR("call_")) || sl_str_starts(v, SL_STR("toolu_"))))
            id = v;
    }
    assert_true(said.n > 0 && id.n > 0);
    sl_buf_init(&b, 1u << 20);
    sl_buf_adds(&b, sl_str_c(first_ask[face]));
    if (face == CHAT)
        sl_buf_addf(&b, "," SL_STR_FMT ",{\"role\":\"tool\",\"tool_call_id\":\"" SL_STR_FMT "\",\"content\":\"ok\"}",
                    SL_STR_ARG(said), SL_STR_ARG(id));
    else if (face == RESPONSES)
        sl_buf_addf(
            &b, "," SL_STR_FMT ",{\"type\":\"function_call_output\",\"call_id\":\"" SL_STR_FMT "\",\"output\":\"ok\"}",
            (int)said.n - 2, said.p + 1, SL_STR_ARG(id));
    else if (face == MESSAGES)
        sl_buf_addf(&b,
                    ",{\"role\":\"assistant\",\"content\":" SL_STR_FMT
                    "},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
                    "\"tool_use_id\":\"" SL_STR_FMT "\",\"content\":\"ok\"}]}",
                    SL_STR_ARG(said), SL_STR_ARG(id));
    else
        sl_buf_addf(&b,
                    "," SL_STR_FMT ",{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"" SL_STR_FMT
                    "\",\"name\":\"f\",\"response\":{\"output\":\"ok\"}}}]}",
                    SL_STR_ARG(said), SL_STR_ARG(id));
    sl_buf_adds(&b, sl_str_c(declared[face]));
    return kept(&b);
}

/* Claude's models read each other's thoughts (anthropic.md): one family. */
static const char *const other_family[FORMATS] = {
    [CHAT] = "kimi-k3", [RESPONSES] = "gpt-6.1", [MESSAGES] = NULL, [GEMINI] = "gemini-4-hydrogen"};

static void test_thoughts(void **state)
{
    (void)state;
    unsigned home = 0, kept_away = 0;
    for (int up = 0; up < FORMATS; up++)
        for (int face = 0; face < FORMATS; face++)
            for (int next = 0; next < FORMATS; next++) {
                if (next == face)
                    continue; /* nothing is translated: relay_same.h */
                struct sl_buf b;
                struct sl_str param;
                struct relay_state relay;
                begin_case((enum format)up, (enum format)face, (unsigned)next);
                struct sl_str first = sl_arena_printf(&arena, "%s%s", first_ask[face], declared[face]);
                struct translation *t =
                    translation((enum format)face, (enum format)up, read_request((enum format)face, first));
                sl_buf_init(&b, 1u << 20);
                struct sl_str answer = sl_str_c(thought_of[up]);
                if (up != face) {
                    assert_true(relay_translate_answer(t, answer, false, &b, &relay));
                    answer = sl_arena_str(&arena, sl_buf_str(&b));
                }
                sl_buf_done(&b);
                struct sl_str again = second_ask((enum format)face, answer);
                struct translation *t2 =
                    translation((enum format)face, (enum format)next, read_request((enum format)face, again));
                struct sl_str body = written(t2, &param);
                assert_true(body.n > 0);
                bool there = sl_str_find_str(body, SL_STR(SEALED)) >= 0;
                if (there != (next == up))
                    FAIL_CASE("to %s it %s:\n" SL_STR_FMT "\n-->\n" SL_STR_FMT, formats[next].name,
                              there ? "went" : "did not go", SL_STR_ARG(again), SL_STR_ARG(body));
                home += there;
                kept_away += !there;
                kept_away += next == up && other_family[up] != NULL;
                if (next == up && other_family[up] != NULL) { /* the vendor's own, but not the model that thought it */
                    t2 = translation((enum format)face, (enum format)next, read_request((enum format)face, again));
                    t2->up_model = sl_str_c(other_family[up]);
                    t2->caps = caps_find(t2->up->codec->caps, t2->up_model);
                    body = written(t2, &param);
                    if (body.n == 0 || sl_str_find_str(body, SL_STR(SEALED)) >= 0)
                        FAIL_CASE("it went to %s:\n" SL_STR_FMT, other_family[up], SL_STR_ARG(body));
                }
            }
    printf("%u thoughts came home, %u were kept away\n", home, kept_away);
}

int main(int argc, char **argv)
{
    take_arguments(argc, argv);
    struct pair pairs[FORMATS * FORMATS];
    struct CMUnitTest tests[FORMATS * FORMATS + 1];
    each_pair(pairs, tests, test_generated);
    tests[FORMATS * FORMATS] = (struct CMUnitTest)cmocka_unit_test(test_thoughts);
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    printf("%u requests for each of 16 pairs (%u refused, %u said in other words), %.1f s of CPU\n", cases_per_pair,
           n_refused, n_other, cpu_of_pairs);
    return failed;
}
