/* The messages of Bedrock's Converse: blocks that are unions of one member, roles in turn, results for calls (bedrock.md 6.1). */
#include "sim/converse.h"

#define ID_MAX 64u
#define CALLS_MAX 256u
#define RETURNED "The model returned the following errors: "

struct turn {
    struct converse_reader *r;
    size_t index, block;
    enum sim_role role;
    struct sl_str calls[CALLS_MAX];
    bool given[CALLS_MAX];
    unsigned n_calls;
    bool has_text, has_document;
};

static bool is_id(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = sl_lower(s.p[i]);
        bool fine = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '.' || ch == ':' ||
                    ch == '-';
        if (!fine)
            return false;
    }
    return s.n > 0 && s.n <= ID_MAX;
}

static bool bad_id(struct turn *t, struct sl_str id, const char *member)
{
    return sim_say_no(
        t->r->c,
        "1 validation error detected: Value '" SL_STR_FMT
        "' at 'messages.%llu.member.content.%llu.member.%s.toolUseId' "
        "failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+, and have "
        "length less than or equal to 64",
        SL_STR_ARG(sl_str_head(id, 200)), (unsigned long long)t->index + 1, (unsigned long long)t->block + 1, member);
}

/* ---- blocks ---- */

static bool read_text(struct turn *t, yyjson_val *text)
{
    struct sl_str s = sim_str(text);
    if (s.n == 0)
        return sim_say_no(
            t->r->c,
            "The text field in the ContentBlock object at messages.%llu.content.%llu is blank. Add text to the text "
            "field, and try again.",
            (unsigned long long)t->index, (unsigned long long)t->block);
    t->has_text = true;
    sim_ask_text(t->r->a, s);
    return true;
}

static bool read_source(struct turn *t, yyjson_val *v, const char *word, struct sl_str type)
{
    yyjson_val *source = yyjson_obj_get(v, "source"), *bytes = yyjson_obj_get(source, "bytes"),
               *text = yyjson_obj_get(source, "text"), *s3 = yyjson_obj_get(source, "s3Location");
    struct sl_str magic;
    size_t n = 0;
    if (yyjson_obj_size(source) != 1)
        return sim_say_no(t->r->c, "The source object at messages.%llu.content.%llu must set one key.",
                          (unsigned long long)t->index, (unsigned long long)t->block);
    if (s3 != NULL) {
        sim_ask_media(t->r->a, word, type, sim_str(yyjson_obj_get(s3, "uri")), 0);
        return true;
    }
    if (text != NULL || yyjson_obj_get(source, "content") != NULL) {
        sim_ask_media(t->r->a, word, SL_STR("text/plain"), SL_STR_NONE, yyjson_get_len(text));
        return true;
    }
    if (!sim_media_size(t->r->c, sim_str(bytes), &n, &magic) || n == 0)
        return sim_say_no(
            t->r->c,
            "Malformed input request: the bytes at messages.%llu.content.%llu are no base64, please reformat "
            "your input and try again.",
            (unsigned long long)t->index, (unsigned long long)t->block);
    bool older = sl_str_find_str(t->r->c->model, SL_STR("claude-3-")) >= 0;
    if (sl_str_starts(type, SL_STR("image/")) && magic.n > 0 && !sl_str_eq(magic, type) && !older)
        return sim_say_no(
            t->r->c,
            RETURNED
            "messages.%llu.content.%llu.image.source.base64.data: The image was specified using the " SL_STR_FMT
            " media type, but the image appears to be a " SL_STR_FMT " image",
            (unsigned long long)t->index, (unsigned long long)t->block, SL_STR_ARG(type), SL_STR_ARG(magic));
    sim_ask_media(t->r->a, word, type, SL_STR_NONE, n);
    return true;
}

static bool read_image(struct turn *t, yyjson_val *image)
{
    static const char *const formats[] = {"png", "jpeg", "gif", "webp"};
    static const char *const members[] = {"format", "source", NULL};
    struct sl_str format = sim_str(yyjson_obj_get(image, "format"));
    if (!converse_only(t->r->c, image, members, "/messages/content/image"))
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (sl_str_eq(format, sl_str_c(formats[i])))
            return read_source(t, image, "image", sl_arena_printf(t->r->c->s->arena, "image/%s", formats[i]));
    }
    return sim_say_no(t->r->c,
                      "1 validation error detected: Value '" SL_STR_FMT
                      "' at 'messages.%llu.member.content.%llu.member.image.format' "
                      "failed to satisfy constraint: Member must satisfy enum value set: [png, jpeg, gif, webp]",
                      SL_STR_ARG(sl_str_head(format, 50)), (unsigned long long)t->index + 1,
                      (unsigned long long)t->block + 1);
}

static bool read_document(struct turn *t, yyjson_val *document)
{
    struct sl_str name = sim_str(yyjson_obj_get(document, "name")),
                  format = sim_str(yyjson_obj_get(document, "format"));
    bool fine = name.n > 0 && name.n <= 200;
    for (size_t i = 0; fine && i < name.n; i++) {
        char ch = sl_lower(name.p[i]);
        bool blank = ch == ' ' && (i == 0 || name.p[i - 1] != ' ');
        fine = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || blank || ch == '-' || ch == '_' || ch == '(' ||
               ch == ')' || ch == '[' || ch == ']';
    }
    if (!fine)
        return sim_say_no(
            t->r->c, "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
                     "parentheses, and square brackets. The name can't contain more than one consecutive whitespace "
                     "character.");
    struct sl_str type = sl_str_eq(format, SL_STR("pdf"))
                             ? SL_STR("application/pdf")
                             : sl_arena_printf(t->r->c->s->arena, "text/" SL_STR_FMT, SL_STR_ARG(format));
    return read_source(t, document, "document", type);
}

static bool read_own_document(struct turn *t, yyjson_val *document)
{
    t->has_document = true; /* one in a result needs no text beside it */
    return read_document(t, document);
}

static bool read_call(struct turn *t, yyjson_val *call)
{
    static const char *const members[] = {"toolUseId", "name", "input", "type", NULL};
    struct sl_str id = sim_str(yyjson_obj_get(call, "toolUseId"));
    if (!converse_only(t->r->c, call, members, "/messages/content/toolUse"))
        return false;
    if (!is_id(id))
        return bad_id(t, id, "toolUse");
    if (!yyjson_is_obj(yyjson_obj_get(call, "input")))
        return sim_say_no(
            t->r->c,
            "The format of the value at messages.%llu.content.%llu.toolUse.input is invalid. Provide a json object for "
            "the field and try again.",
            (unsigned long long)t->index, (unsigned long long)t->block);
    if (t->n_calls == CALLS_MAX)
        return sim_say_no(t->r->c, "Too many toolUse blocks.");
    t->given[t->n_calls] = false;
    t->calls[t->n_calls++] = id;
    sim_ask_call(t->r->a);
    return true;
}

static bool read_result_block(struct turn *t, yyjson_val *block, struct sl_buf *text)
{
    yyjson_val *plain = yyjson_obj_get(block, "text"), *json = yyjson_obj_get(block, "json"),
               *image = yyjson_obj_get(block, "image"), *document = yyjson_obj_get(block, "document");
    size_t n = 0;
    if (yyjson_obj_size(block) != 1)
        return sim_say_no(
            t->r->c, "The ToolResultContentBlock object at messages.%llu.content.%llu.toolResult must set one key.",
            (unsigned long long)t->index, (unsigned long long)t->block);
    sl_buf_adds(text, text->n > 0 && (plain != NULL || json != NULL) ? SL_STR("\n") : SL_STR_NONE);
    if (plain != NULL)
        sl_buf_adds(text, sim_str(plain));
    if (json != NULL) {
        char *written = yyjson_val_write_opts(json, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL);
        sl_buf_add(text, written, n);
        sim_json_alc.free(NULL, written);
    }
    if (image != NULL)
        return read_image(t, image);
    return document == NULL || read_document(t, document);
}

static bool read_result(struct turn *t, yyjson_val *result)
{
    static const char *const members[] = {"toolUseId", "content", "status", "type", NULL};
    struct sl_str id = sim_str(yyjson_obj_get(result, "toolUseId"));
    yyjson_val *content = yyjson_obj_get(result, "content"), *block;
    struct sl_buf text;
    size_t i, max;
    unsigned k = 0;
    if (!converse_only(t->r->c, result, members, "/messages/content/toolResult"))
        return false;
    if (!is_id(id))
        return bad_id(t, id, "toolResult");
    while (k < t->n_calls && (!sl_str_eq(t->calls[k], id) || t->given[k]))
        k++;
    if (k == t->n_calls)
        return sim_say_no(
            t->r->c,
            "The number of toolResult blocks at messages.%llu.content exceeds the number of toolUse blocks of previous "
            "turn.",
            (unsigned long long)t->index);
    t->given[k] = true;
    sl_buf_init(&text, SIM_BODY_MAX);
    bool good = true;
    yyjson_arr_foreach(content, i, max, block)
    {
        good = good && read_result_block(t, block, &text);
    }
    if (good)
        sim_ask_result(t->r->a, sl_arena_str(t->r->c->s->arena, sl_buf_str(&text)),
                       yyjson_equals_str(yyjson_obj_get(result, "status"), "error"));
    sl_buf_done(&text);
    return good;
}

static bool read_reasoning(struct turn *t, yyjson_val *reasoning)
{
    yyjson_val *inner = yyjson_obj_get(reasoning, "reasoningText"),
               *redacted = yyjson_obj_get(reasoning, "redactedContent");
    yyjson_val *signature = yyjson_obj_get(inner, "signature");
    uint64_t nonce;
    if (redacted != NULL) {
        if (sim_sign_check(t->r->c, SIGNER_ANTHROPIC, sim_str(redacted), SL_STR("redacted"), &nonce))
            return true;
        return sim_say_no(t->r->c, RETURNED "messages.%llu.content.%llu: Invalid `data` in `redacted_thinking` block",
                          (unsigned long long)t->index, (unsigned long long)t->block);
    }
    if (!sim_is_there(signature))
        return sim_say_no(t->r->c, RETURNED "messages.%llu.content.%llu.thinking.signature: Field required",
                          (unsigned long long)t->index, (unsigned long long)t->block);
    if (sim_sign_check(t->r->c, SIGNER_ANTHROPIC, sim_str(signature), sim_str(yyjson_obj_get(inner, "text")), &nonce))
        return true;
    return sim_say_no(t->r->c, RETURNED "messages.%llu.content.%llu: Invalid `signature` in `thinking` block",
                      (unsigned long long)t->index, (unsigned long long)t->block);
}

static bool read_point(struct turn *t, yyjson_val *point)
{
    sim_marks_break(&t->r->marks, yyjson_equals_str(yyjson_obj_get(point, "ttl"), "1h"));
    return true;
}

static bool read_passed(struct turn *t, yyjson_val *v)
{
    (void)t;
    (void)v;
    return true;
}

static const struct {
    const char *member;
    enum sim_role role; /* ROLE_NONE: either */
    bool (*read)(struct turn *t, yyjson_val *v);
} kinds[] = {
    {"text", ROLE_NONE, read_text},
    {"image", ROLE_USER, read_image},
    {"document", ROLE_USER, read_own_document},
    {"toolUse", ROLE_MODEL, read_call},
    {"toolResult", ROLE_USER, read_result},
    {"reasoningContent", ROLE_MODEL, read_reasoning},
    {"cachePoint", ROLE_NONE, read_point},
    {"video", ROLE_USER, read_passed},
    {"audio", ROLE_USER, read_passed},
    {"guardContent", ROLE_USER, read_passed},
    {"citationsContent", ROLE_MODEL, read_passed},
    {"searchResult", ROLE_USER, read_passed},
};

static bool read_block(struct turn *t, yyjson_val *block)
{
    yyjson_val *v = NULL;
    size_t k = 0;
    while (k < sizeof kinds / sizeof kinds[0] && (v = yyjson_obj_get(block, kinds[k].member)) == NULL)
        k++;
    if (v == NULL || yyjson_obj_size(block) != 1)
        return sim_say_no(
            t->r->c,
            "The ContentBlock object at messages.%llu.content.%llu must set one of the following keys: text, image, "
            "toolUse, toolResult, document, video, cachePoint, reasoningContent, citationsContent, searchResult.",
            (unsigned long long)t->index, (unsigned long long)t->block);
    if (kinds[k].role != ROLE_NONE && kinds[k].role != t->role)
        return sim_say_no(t->r->c, "The %s role doesn't support the %s content block at messages.%llu.content.%llu.",
                          t->role == ROLE_USER ? "user" : "assistant", kinds[k].member, (unsigned long long)t->index,
                          (unsigned long long)t->block);
    if (!kinds[k].read(t, v))
        return false;
    if (kinds[k].read != read_point) {
        size_t n = 0;
        char *text = yyjson_val_write_opts(block, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL);
        sim_marks_add(&t->r->marks, sl_str_of(text, n));
        sim_json_alc.free(NULL, text);
        sim_marks_block(&t->r->marks, sim_ask_tokens(t->r->a));
    }
    return true;
}

/* ---- messages ---- */

static bool check_results(struct turn *t)
{
    for (unsigned i = 0; i < t->n_calls; i++) {
        if (!t->given[i])
            return sim_say_no(t->r->c,
                              "Expected toolResult blocks at messages.%llu.content for the following Ids: " SL_STR_FMT,
                              (unsigned long long)t->index, SL_STR_ARG(t->calls[i]));
    }
    return true;
}

static bool read_role(struct turn *t, struct sl_str name)
{
    enum sim_role role = sl_str_eq(name, SL_STR("user"))        ? ROLE_USER
                         : sl_str_eq(name, SL_STR("assistant")) ? ROLE_MODEL
                                                                : ROLE_NONE;
    if (role == ROLE_NONE)
        return sim_say_no(t->r->c,
                          "1 validation error detected: Value '" SL_STR_FMT
                          "' at 'messages.%llu.member.role' failed to satisfy "
                          "constraint: Member must satisfy enum value set: [user, assistant]",
                          SL_STR_ARG(sl_str_head(name, 50)), (unsigned long long)t->index + 1);
    if (t->index == 0 && role != ROLE_USER)
        return sim_say_no(
            t->r->c, "A conversation must start with a user message. Try again with a conversation that starts with a "
                     "user message.");
    if (role == t->role && sl_str_find_str(t->r->c->model, SL_STR("titan")) < 0) /* that one was seen to take it */
        return sim_say_no(t->r->c,
                          "A conversation must alternate between user and assistant roles. Make sure the conversation "
                          "alternates between user and assistant roles and try again.");
    t->role = role;
    if (role == ROLE_MODEL)
        t->n_calls = 0;
    return true;
}

static bool read_message(struct turn *t, yyjson_val *m)
{
    static const char *const members[] = {"role", "content", NULL};
    yyjson_val *content = yyjson_obj_get(m, "content"), *block;
    size_t max;
    if (!converse_only(t->r->c, m, members, "/messages") || !read_role(t, sim_str(yyjson_obj_get(m, "role"))))
        return false;
    if (!yyjson_is_arr(content) || yyjson_arr_size(content) == 0)
        return sim_say_no(
            t->r->c,
            "The content field in the Message object at messages.%llu is empty. Add a ContentBlock object to the "
            "content field and try again.",
            (unsigned long long)t->index);
    sim_ask_message(t->r->a, t->role);
    t->has_text = t->has_document = false;
    yyjson_arr_foreach(content, t->block, max, block)
    {
        if (!read_block(t, block))
            return false;
    }
    if (t->has_document && !t->has_text)
        return sim_say_no(
            t->r->c,
            "Your request includes a document in messages.%llu without a text block. Add a text block and try "
            "again.",
            (unsigned long long)t->index);
    if (!t->r->has_tools && t->n_calls > 0)
        return sim_say_no(t->r->c,
                          "The toolConfig field must be defined when using toolUse and toolResult content blocks.");
    return t->role != ROLE_USER || check_results(t);
}

bool converse_read_messages(struct converse_reader *r, yyjson_val *messages)
{
    struct turn *t = SL_ARENA_NEW(r->c->s->arena, struct turn);
    yyjson_val *m;
    size_t max;
    t->r = r;
    if (yyjson_arr_size(messages) == 0)
        return sim_say_no(
            r->c,
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message.");
    yyjson_arr_foreach(messages, t->index, max, m)
    {
        if (!read_message(t, m))
            return false;
    }
    if (t->role == ROLE_MODEL && (r->model->flags & CLAUDE_PREFILL) == 0)
        return sim_say_no(
            r->c,
            RETURNED "This model does not support assistant message prefill. The conversation must end with a user "
                     "message.");
    return t->role != ROLE_MODEL || check_results(t);
}
