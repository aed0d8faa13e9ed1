/* The table of models. The vocabularies of OpenAI's are those of openai/tiktoken 0.14.0 (tiktoken/model.py). The estimates were
 * compared with the usage that providers reported in recorded calls (2023 to 2026; clients.md section 8.4 agrees): the number of
 * answers is behind each. What providers do not count in a text and report all the same (hidden reasoning, ends of turns) is part of
 * the error. */
#include "tokens/model.h"

static const struct tokens_method O200K = {"o200k_base", TOKENS_O200K_BASE, true, 1000, 0, 0, "openai/tiktoken 0.14.0"};
static const struct tokens_method CL100K = {"cl100k_base",           TOKENS_CL100K_BASE, true, 1000, 0, 0,
                                            "openai/tiktoken 0.14.0"};
static const struct tokens_method NEXT_GPT = {
    "gpt", TOKENS_O200K_BASE, false, 1000, -10, 10, "assumed: no vocabulary is published"};
static const struct tokens_method CLAUDE = {"claude", TOKENS_CL100K_BASE, false, 1080, -17, 7, "84 recorded answers"};
static const struct tokens_method CLAUDE_NEW = {
    "claude-4.7", TOKENS_CL100K_BASE, false, 1380, -20, 20, "14 recorded calls; the vendor says 30 % more than before"};
static const struct tokens_method GEMINI = {"gemini", TOKENS_O200K_BASE, false, 1090, -16, 13, "60 recorded answers"};
static const struct tokens_method OTHER = {"other",
                                           TOKENS_O200K_BASE,
                                           false,
                                           1020,
                                           -21,
                                           6,
                                           "157 recorded answers of llama, qwen, deepseek, mistral, kimi, grok, sonar"};

/* The first that fits counts, so the longer names of a family stand first. */
static const struct tokens_model models[] = {
    {"gpt-oss", &O200K, TOKENS_FRAME_OTHER, TOKENS_IMAGE_NONE},
    {"gpt-4o-mini", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_GPT4O_MINI},
    {"gpt-4o", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_GPT4O},
    {"chatgpt-4o", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_GPT4O},
    {"gpt-4.1-mini", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_PATCH_162},
    {"gpt-4.1-nano", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_PATCH_246},
    {"gpt-4.1", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_GPT4O},
    {"gpt-4.5", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_GPT4O},
    {"gpt-4", &CL100K, TOKENS_FRAME_GPT, TOKENS_IMAGE_GPT4O},
    {"gpt-3.5", &CL100K, TOKENS_FRAME_GPT, TOKENS_IMAGE_NONE},
    {"gpt-35", &CL100K, TOKENS_FRAME_GPT, TOKENS_IMAGE_NONE},
    {"gpt-5-mini", &O200K, TOKENS_FRAME_GPT5, TOKENS_IMAGE_PATCH_120},
    {"gpt-5-nano", &O200K, TOKENS_FRAME_GPT5, TOKENS_IMAGE_PATCH_120},
    {"gpt-5", &O200K, TOKENS_FRAME_GPT5, TOKENS_IMAGE_GPT5},
    {"gpt-audio", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_NONE},
    {"gpt-realtime", &O200K, TOKENS_FRAME_GPT, TOKENS_IMAGE_NONE},
    {"gpt", &NEXT_GPT, TOKENS_FRAME_GPT5, TOKENS_IMAGE_GPT5},
    {"o4-mini", &O200K, TOKENS_FRAME_O, TOKENS_IMAGE_PATCH_172},
    {"o1", &O200K, TOKENS_FRAME_O, TOKENS_IMAGE_O1},
    {"o3", &O200K, TOKENS_FRAME_O, TOKENS_IMAGE_O1},
    {"o4", &O200K, TOKENS_FRAME_O, TOKENS_IMAGE_O1},
    {"codex", &NEXT_GPT, TOKENS_FRAME_GPT5, TOKENS_IMAGE_GPT5},
    {"computer-use", &NEXT_GPT, TOKENS_FRAME_O, TOKENS_IMAGE_O1},
    {"text-embedding-3", &CL100K, TOKENS_FRAME_GPT, TOKENS_IMAGE_NONE},
    {"text-embedding-ada-002", &CL100K, TOKENS_FRAME_GPT, TOKENS_IMAGE_NONE},
    {"davinci-002", &CL100K, TOKENS_FRAME_GPT, TOKENS_IMAGE_NONE},
    {"babbage-002", &CL100K, TOKENS_FRAME_GPT, TOKENS_IMAGE_NONE},
    {"claude-instant", &CLAUDE, TOKENS_FRAME_CLAUDE, TOKENS_IMAGE_NONE},
    {"claude-2", &CLAUDE, TOKENS_FRAME_CLAUDE, TOKENS_IMAGE_NONE},
    {"claude-3", &CLAUDE, TOKENS_FRAME_CLAUDE, TOKENS_IMAGE_CLAUDE},
    {"claude-haiku-4", &CLAUDE, TOKENS_FRAME_CLAUDE45, TOKENS_IMAGE_CLAUDE},
    {"claude-sonnet-4-5", &CLAUDE, TOKENS_FRAME_CLAUDE45, TOKENS_IMAGE_CLAUDE},
    {"claude-sonnet-4-6", &CLAUDE, TOKENS_FRAME_CLAUDE45, TOKENS_IMAGE_CLAUDE},
    {"claude-sonnet-4", &CLAUDE, TOKENS_FRAME_CLAUDE, TOKENS_IMAGE_CLAUDE},
    {"claude-opus-4-5", &CLAUDE, TOKENS_FRAME_CLAUDE45, TOKENS_IMAGE_CLAUDE},
    {"claude-opus-4-6", &CLAUDE, TOKENS_FRAME_CLAUDE45, TOKENS_IMAGE_CLAUDE},
    {"claude-opus-4-7", &CLAUDE_NEW, TOKENS_FRAME_CLAUDE45, TOKENS_IMAGE_CLAUDE_LARGE},
    {"claude-opus-4-8", &CLAUDE_NEW, TOKENS_FRAME_CLAUDE45, TOKENS_IMAGE_CLAUDE_LARGE},
    {"claude-opus-4", &CLAUDE, TOKENS_FRAME_CLAUDE, TOKENS_IMAGE_CLAUDE},
    {"claude", &CLAUDE_NEW, TOKENS_FRAME_CLAUDE45, TOKENS_IMAGE_CLAUDE_LARGE},
    {"gemini-1", &GEMINI, TOKENS_FRAME_GEMINI, TOKENS_IMAGE_GEMINI2},
    {"gemini-2", &GEMINI, TOKENS_FRAME_GEMINI, TOKENS_IMAGE_GEMINI2},
    {"gemini-embedding", &GEMINI, TOKENS_FRAME_GEMINI, TOKENS_IMAGE_NONE},
    {"gemini", &GEMINI, TOKENS_FRAME_GEMINI, TOKENS_IMAGE_GEMINI3},
    {"gemma", &GEMINI, TOKENS_FRAME_GEMINI, TOKENS_IMAGE_GEMINI2},
    {"text-embedding-004", &GEMINI, TOKENS_FRAME_GEMINI, TOKENS_IMAGE_NONE},
    {"", &OTHER, TOKENS_FRAME_OTHER, TOKENS_IMAGE_NONE},
};

static bool begins_with(struct sl_str name, const char *prefix)
{
    for (size_t i = 0; prefix[i] != 0; i++) {
        if (i >= name.n)
            return false;
        char c = sl_lower(name.p[i]);
        if (c != prefix[i] && !(prefix[i] == '-' && c == '.'))
            return false;
    }
    return true;
}

static const struct tokens_model *find(struct sl_str name)
{
    const struct tokens_model *m = models;
    while (!begins_with(name, m->prefix))
        m++;
    return m;
}

/* The vendor's own name is behind the last slash, or behind a prefix that ends in a colon or a dot ("ft:", "us.anthropic."). */
const struct tokens_model *tokens_model_of(struct sl_str name)
{
    const struct tokens_model *unknown = &models[sizeof models / sizeof models[0] - 1], *found;
    for (struct sl_str rest = name; rest.n > 0;) {
        struct sl_str before = sl_str_cut(&rest, '/');
        name = before;
    }
    found = find(name);
    for (size_t i = 0; found == unknown && i + 1 < name.n; i++)
        if (name.p[i] == ':' || name.p[i] == '.')
            found = find(sl_str_from(name, i + 1));
    return found;
}
