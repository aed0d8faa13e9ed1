/* An answer that is not streamed, for a Gemini client. */
#include "dialect/gemini/gemini_int.h"

void gemini_count_write(uint64_t tokens, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    jw_open(&w, '{');
    jw_member_u64(&w, SL_STR("totalTokens"), tokens);
    jw_close(&w, '}');
}

/* The signature of a part: Google's own as it came; of others, what was thought since the call before. */
static struct sl_str signature_of(const struct translation *t, const struct neutral_part *p,
                                  const struct neutral_part *thoughts)
{
    if (p->kind == NP_TOOL_CALL && t->up != &gemini_dialect) {
        struct sl_str packed = gem_envelope_pack(t, thoughts);
        if (packed.n > 0)
            return packed;
    }
    return gem_signature_native(t->a, p->signature);
}

static void write_parts(struct json_writer *w, struct translation *t, const struct neutral_part *parts,
                        struct gem_ending *e, struct gem_text_map *map)
{
    struct neutral_part *thoughts = NULL, **end = &thoughts;
    bool any = false;
    for (const struct neutral_part *p = parts; p != NULL; p = p->next) {
        if (p->kind == NP_REASONING || (p->kind == NP_TEXT && p->text.n > 0)) {
            struct neutral_part *copy = SL_ARENA_NEW(t->a, struct neutral_part);
            *copy = *p;
            copy->next = NULL;
            *end = copy;
            end = &copy->next;
        }
        if (p->kind == NP_TEXT || p->kind == NP_REFUSAL)
            gem_text_add(map, t->a, p->text);
        if (!gem_part_shows(t, p))
            continue;
        bool written = gem_write_part(w, t, p, signature_of(t, p, thoughts));
        e->malformed |= !written;
        any |= written;
        if (p->kind == NP_TOOL_CALL) {
            thoughts = NULL;
            end = &thoughts;
        }
    }
    const struct neutral_part empty = {.kind = NP_TEXT};
    if (!any)
        gem_write_part(w, t, &empty, SL_STR_NONE);
}

static void write_candidate(struct json_writer *w, struct translation *t, const struct neutral_answer_choice *c,
                            uint32_t index)
{
    struct gem_text_map map = {.n = 0};
    struct gem_ending e = {.finish = c->finish,
                           .text = c->finish_text,
                           .index = index,
                           .citations = c->citations,
                           .n_citations = c->n_citations,
                           .map = &map,
                           .logprobs = c->logprobs};
    jw_open(w, '{');
    jw_key(w, SL_STR("content"));
    jw_open(w, '{');
    jw_key(w, SL_STR("parts"));
    jw_open(w, '[');
    write_parts(w, t, c->parts, &e, &map);
    jw_close(w, ']');
    jw_member_inside(w, SL_STR("role"), SL_STR("model"));
    jw_close(w, '}');
    gem_write_ending(w, t, &e);
    jw_close(w, '}');
}

void gemini_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    static const struct neutral_answer_choice nothing = {.finish = FINISH_NONE};
    struct json_writer w = json_writer_on(out);
    if (t->req != NULL && t->req->kind == NO_COUNT_TOKENS) {
        gemini_count_write(answer->usage.prompt, out);
        return;
    }
    jw_open(&w, '{');
    jw_key(&w, SL_STR("candidates"));
    jw_open(&w, '[');
    for (uint32_t i = 0; i < answer->n_choices; i++)
        write_candidate(&w, t, &answer->choices[i], i);
    if (answer->n_choices == 0)
        write_candidate(&w, t, &nothing, 0);
    jw_close(&w, ']');
    gem_write_tail(&w, t, &answer->usage, answer->tier);
    jw_close(&w, '}');
}
