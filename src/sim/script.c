/* A script for the model, anywhere in a text of the user, for tests with agents whose loop takes many turns:
 *
 *   [[sim [TURN, TURN, ...]]]
 *
 * JSON. Each TURN is what the model does in one turn: {"call": NAME, "with": {...}} calls a tool, a text says that, an array of
 * these does them all in one turn. A turn with a call is followed by the tool's result and the next turn; behind the last one
 * the model says what it always says (sim.h) with the results of the last calls. A script is for the requests that offer its
 * tools: to the side questions of an agent (a title, a choice of model) the simulator answers as if there were none. */
#include "sim/ask.h"

#define SCRIPT_BYTES 262144u

/* What stands behind "[[sim"; p NULL: the text has none. */
static struct sl_str script_of(struct sl_str text)
{
    static const struct sl_str mark = SL_STR_INIT("[[sim");
    ptrdiff_t at = sl_str_find_str(text, mark);
    struct sl_str s = at >= 0 ? sl_str_from(text, (size_t)at + mark.n) : SL_STR_NONE;
    return s.n > 0 && (s.p[0] == '[' || s.p[0] == ' ') ? s : SL_STR_NONE;
}

bool sim_script_is(struct sl_str text)
{
    return script_of(text).p != NULL;
}

static yyjson_doc *read_turns(struct sl_str text)
{
    struct sl_str s = sl_str_head(script_of(text), SCRIPT_BYTES);
    if (s.n == 0)
        return NULL;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)s.p, s.n, YYJSON_READ_STOP_WHEN_DONE, &sim_json_alc, NULL);
    if (doc != NULL && yyjson_is_arr(yyjson_doc_get_root(doc)))
        return doc;
    yyjson_doc_free(doc);
    return NULL;
}

static struct sl_str kept_json(const struct sim_ask *a, yyjson_val *v)
{
    size_t n = 0;
    char *text = yyjson_is_obj(v) ? yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL) : NULL;
    if (text == NULL)
        return SL_STR_NONE;
    struct sl_str kept = sl_arena_str(a->c->s->arena, sl_str_of(text, n));
    sim_json_alc.free(NULL, text);
    return kept;
}

/* False: the tool is not offered. */
static bool take_deed(const struct sim_ask *a, yyjson_val *deed, struct sim_ordered *out, unsigned *n,
                      struct sl_str *say)
{
    if (yyjson_is_str(deed)) {
        *say = sl_arena_str(a->c->s->arena, sim_str(deed));
        return true;
    }
    const struct sim_offer *offer = sim_ask_find(a, sim_str(yyjson_obj_get(deed, "call")));
    if (offer == NULL)
        return false;
    if (*n < SIM_TOOLS_MAX) {
        yyjson_val *with = yyjson_obj_get(deed, "with");
        out[(*n)++] = (struct sim_ordered){
            .offer = offer,
            .arguments = offer->custom ? sl_arena_str(a->c->s->arena, sim_str(with)) : kept_json(a, with),
        };
    }
    return true;
}

static bool take_turn(const struct sim_ask *a, yyjson_val *turn, struct sim_ordered *out, unsigned *n,
                      struct sl_str *say)
{
    yyjson_val *deed;
    yyjson_arr_iter i;
    if (!yyjson_is_arr(turn))
        return take_deed(a, turn, out, n, say);
    yyjson_arr_iter_init(turn, &i);
    while ((deed = yyjson_arr_iter_next(&i)) != NULL) {
        if (!take_deed(a, deed, out, n, say))
            return false;
    }
    return true;
}

unsigned sim_script_read(const struct sim_ask *a, struct sl_str text, unsigned step, struct sim_ordered *out,
                         unsigned *out_n, struct sl_str *out_say)
{
    yyjson_doc *doc = read_turns(text);
    yyjson_val *turns = yyjson_doc_get_root(doc);
    *out_n = 0;
    *out_say = SL_STR_NONE;
    bool known = take_turn(a, yyjson_arr_get(turns, step), out, out_n, out_say);
    unsigned steps = (unsigned)yyjson_arr_size(turns);
    yyjson_doc_free(doc);
    if (step < steps && !known) {
        *out_n = 0;
        *out_say = SL_STR_NONE;
    }
    return steps;
}
