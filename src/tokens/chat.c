/* The frames, by what recorded calls reported (2023 to 2026):
 *
 *     texts     OpenAI: three tokens a message, one for its role, three for the head of the answer (two since o1): exact in 96 of
 *               106 calls without tools, files or formats; in the others something is sent that is none of these. Claude: seven
 *               around one message. Gemini: one a turn.
 *     tools     OpenAI's models see them as declarations of TypeScript types: -11 to +7 % (5th to 95th percentile, 105 calls).
 *               Claude has a prompt of its own for them: within 12 % (54 calls). Gemini: within 20 %, less before 2.5.
 *     calls     OpenAI: 7 for one, 16 each for several at once. The rest is assumed.
 *     formats   OpenAI: the schema's JSON, -8 to +27 % (55 calls). */
#include "tokens/chat.h"

struct frame {
    uint16_t message, answer, role, name; /* each message; once; each message; a message's name */
    uint16_t tools, tools_less;           /* once; less that much with a system message */
    uint16_t tool, property;              /* each */
    uint16_t call, calls;                 /* a call alone in its message; one of several */
    uint16_t choice;
};

static const struct frame frames[TOKENS_FRAMES] = {
    [TOKENS_FRAME_GPT] = {.message = 3,
                          .answer = 3,
                          .role = 1,
                          .name = 1,
                          .tools = 9,
                          .tools_less = 4,
                          .call = 7,
                          .calls = 16,
                          .choice = 7},
    [TOKENS_FRAME_O] =
        {.message = 3, .answer = 2, .role = 1, .name = 1, .tools = 9, .call = 12, .calls = 16, .choice = 7},
    [TOKENS_FRAME_GPT5] = {.message = 3, .answer = 2, .role = 1, .name = 1, .tools = 89, .call = 13, .calls = 16},
    [TOKENS_FRAME_CLAUDE] =
        {.message = 4, .answer = 3, .tools = 320, .tool = 30, .property = 9, .call = 40, .calls = 40},
    [TOKENS_FRAME_CLAUDE45] =
        {.message = 4, .answer = 3, .tools = 560, .tool = 10, .property = 15, .call = 40, .calls = 40},
    [TOKENS_FRAME_GEMINI] = {.message = 1, .tools = 2, .property = 7, .call = 5, .calls = 5},
    [TOKENS_FRAME_OTHER] =
        {.message = 4, .answer = 3, .tools = 60, .tool = 20, .property = 10, .call = 12, .calls = 12},
};

static const struct frame *frame_of(const struct tokens_chat *c)
{
    return &frames[c->model->frame];
}

static void add_text(struct tokens_chat *c, struct sl_str text)
{
    struct tokens_meter m;
    if (text.n == 0)
        return;
    tokens_meter_init(&m, c->set, c->model->method);
    tokens_meter_feed(&m, text);
    c->text += tokens_meter_answer(&m).n;
    tokens_meter_done(&m);
}

void tokens_chat_init(struct tokens_chat *c, const struct tokens_set *set, struct sl_str model)
{
    *c = (struct tokens_chat){.model = tokens_model_of(model), .set = set};
    tokens_meter_init(&c->tools, set, c->model->method);
    struct tokens_answer nothing = tokens_meter_answer(&c->tools);
    c->is_by_looks = nothing.is_by_looks;
    c->is_exact = nothing.is_exact && c->model->frame <= TOKENS_FRAME_GPT5;
    c->fixed = frame_of(c)->answer;
}

void tokens_chat_done(struct tokens_chat *c)
{
    tokens_meter_done(&c->tools);
}

void tokens_chat_message(struct tokens_chat *c, enum tokens_role role)
{
    c->messages++;
    c->calls_here = 0;
    c->has_system = c->has_system || role == TOKENS_ROLE_SYSTEM;
    c->fixed += (uint64_t)frame_of(c)->message + frame_of(c)->role;
    if (role == TOKENS_ROLE_TOOL)
        c->is_exact = false; /* the call's name is part of it */
}

void tokens_chat_name(struct tokens_chat *c, struct sl_str name)
{
    c->fixed += frame_of(c)->name;
    add_text(c, name);
}

void tokens_chat_text(struct tokens_chat *c, struct sl_str text)
{
    add_text(c, text);
}

void tokens_chat_call(struct tokens_chat *c, struct sl_str function, struct sl_str arguments)
{
    const struct frame *f = frame_of(c);
    c->is_exact = false;
    c->calls_here++;
    if (c->calls_here == 2)
        c->fixed += f->calls - (uint64_t)f->call; /* the first was not alone after all */
    c->fixed += c->calls_here == 1 ? f->call : f->calls;
    add_text(c, function);
    add_text(c, arguments);
}

void tokens_chat_fixed(struct tokens_chat *c, uint64_t tokens)
{
    c->is_exact = false;
    c->fixed += tokens;
}

void tokens_chat_image(struct tokens_chat *c, uint32_t width, uint32_t height, enum tokens_detail detail)
{
    c->is_exact = c->is_exact && c->model->image != TOKENS_IMAGE_NONE && width > 0 && height > 0;
    c->fixed += tokens_of_image(c->model->image, width, height, detail);
}

/* -- Tools: written as OpenAI's models see them --------------------------------------------------------------------------- */

static void write(struct tokens_chat *c, struct sl_str s)
{
    tokens_meter_feed(&c->tools, s);
}

static void write_comment(struct tokens_chat *c, struct sl_str text)
{
    while (text.n > 0) {
        struct sl_str line = sl_str_cut(&text, '\n');
        write(c, SL_STR("// "));
        write(c, line);
        write(c, SL_STR("\n"));
    }
}

static void end_tool(struct tokens_chat *c)
{
    if (c->tool_count > 0)
        write(c, c->properties > 0 ? SL_STR("}) => any;\n\n") : SL_STR("() => any;\n\n"));
}

void tokens_chat_tool(struct tokens_chat *c, struct sl_str name, struct sl_str description)
{
    c->is_exact = false;
    if (c->tool_count == 0)
        write(c, SL_STR("namespace functions {\n\n"));
    end_tool(c);
    c->fixed += frame_of(c)->tool;
    c->tool_count++;
    c->properties = 0;
    write_comment(c, description);
    write(c, SL_STR("type "));
    write(c, name);
    write(c, SL_STR(" = "));
}

void tokens_chat_property(struct tokens_chat *c, const struct tokens_property *p)
{
    if (c->properties++ == 0)
        write(c, SL_STR("(_: {\n"));
    c->fixed += frame_of(c)->property;
    write_comment(c, p->description);
    write(c, p->name);
    write(c, p->is_required ? SL_STR(": ") : SL_STR("?: "));
    write(c, p->type);
    write(c, SL_STR(",\n"));
}

void tokens_chat_choice(struct tokens_chat *c, struct sl_str function)
{
    c->is_exact = false;
    c->fixed += frame_of(c)->choice;
    add_text(c, function);
}

void tokens_chat_schema(struct tokens_chat *c, struct sl_str json)
{
    c->is_exact = false;
    add_text(c, json);
}

struct tokens_answer tokens_chat_answer(struct tokens_chat *c)
{
    const struct frame *f = frame_of(c);
    struct tokens_answer a = {
        .n = c->text + c->fixed, .method = c->model->method, .is_exact = c->is_exact, .is_by_looks = c->is_by_looks};
    if (c->tool_count == 0)
        return a;
    end_tool(c);
    write(c, SL_STR("} // namespace functions"));
    c->tool_count = 0; /* counted: asked again, they are not counted twice */
    c->text += tokens_meter_answer(&c->tools).n;
    c->fixed += f->tools - (uint64_t)(c->has_system ? f->tools_less : 0);
    a.n = c->text + c->fixed;
    return a;
}
