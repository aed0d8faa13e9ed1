/* The user's order to call tools, in the text of the request:
 *
 *   call NAME                      one call, its arguments made from the tool's schema
 *   call NAME {"a": 1}             with these arguments, byte for byte
 *   call A and B, call A and call B, call A, B    several in one turn
 *   call A then call B             B when A has given its result
 *   call #2                        the second tool that was offered (for names that were changed on the way)
 *   use a tool, use tools          the first; the first two
 *
 * A name counts when a tool of that name was offered; other words behind "call" are just words. */
#include "sim/ask.h"

#define ORDER_BYTES 65536u /* of a text that are looked at */
#define ORDER_LOOKS 256u   /* words "call" that are looked at */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Behind the next word "call " or "Call "; p NULL: none. */
static struct sl_str next_call(struct sl_str all, struct sl_str at)
{
    for (;;) {
        ptrdiff_t i = sl_str_find_str(at, SL_STR("all "));
        if (i < 0)
            return SL_STR_NONE;
        const char *p = at.p + i;
        bool begins = p > all.p && (p[-1] == 'c' || p[-1] == 'C') && (p - 1 == all.p || !is_word(p[-2]));
        at = sl_str_from(at, (size_t)i + 4);
        if (begins)
            return at;
    }
}

/* The offer whose name stands at the beginning of *at, the longest; *at is behind it. */
static const struct sim_offer *take_name(const struct sim_ask *a, struct sl_str *at)
{
    const struct sim_offer *found = NULL;
    struct sl_str s = *at;
    uint64_t number = 0;
    if (s.n > 0 && (s.p[0] == '`' || s.p[0] == '"'))
        s = sl_str_from(s, 1);
    size_t digits = 1;
    while (digits < s.n && digits < 6 && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    if (s.n > 1 && s.p[0] == '#' && sl_str_to_u64(sl_str_of(s.p + 1, digits - 1), &number) && number >= 1 &&
        number <= a->n_offers) {
        *at = sl_str_from(s, digits);
        return &a->offers[number - 1];
    }
    for (unsigned i = 0; i < a->n_offers; i++) {
        const struct sim_offer *o = &a->offers[i];
        if (o->name.n == 0 || !sl_str_starts(s, o->name) || (s.n > o->name.n && is_word(s.p[o->name.n])))
            continue;
        if (found == NULL || o->name.n > found->name.n)
            found = o;
    }
    if (found != NULL)
        *at = sl_str_from(s, found->name.n);
    return found;
}

static struct sl_str take_arguments(struct sl_str *at)
{
    struct sl_str s = *at;
    if (s.n > 0 && (s.p[0] == '`' || s.p[0] == '"'))
        s = sl_str_from(s, 1);
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\n'))
        s = sl_str_from(s, 1);
    if (s.n == 0 || s.p[0] != '{')
        return SL_STR_NONE;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)s.p, s.n, YYJSON_READ_STOP_WHEN_DONE, &sim_json_alc, NULL);
    if (doc == NULL)
        return SL_STR_NONE;
    struct sl_str arguments = sl_str_head(s, yyjson_doc_get_read_size(doc));
    yyjson_doc_free(doc);
    *at = sl_str_from(s, arguments.n);
    return arguments;
}

/* " and ", ", ", each perhaps with "call " behind it. */
static bool take_and(struct sl_str *at)
{
    static const struct sl_str words[] = {SL_STR_INIT(", and call "), SL_STR_INIT(", and "),  SL_STR_INIT(" and call "),
                                          SL_STR_INIT(" and "),       SL_STR_INIT(", call "), SL_STR_INIT(", ")};
    struct sl_str s = *at;
    if (s.n > 0 && (s.p[0] == '`' || s.p[0] == '"'))
        s = sl_str_from(s, 1);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (sl_str_starts(s, words[i])) {
            *at = sl_str_from(s, words[i].n);
            return true;
        }
    }
    return false;
}

static void put(struct sim_ordered *out, unsigned *n, const struct sim_offer *o, struct sl_str arguments)
{
    if (*n < SIM_TOOLS_MAX)
        out[(*n)++] = (struct sim_ordered){.offer = o, .arguments = arguments};
}

/* Reads the calls of one step; *at is behind them. */
static unsigned take_step(const struct sim_ask *a, struct sl_str *at, struct sim_ordered *out)
{
    unsigned n = 0;
    struct sl_str s = *at;
    do {
        const struct sim_offer *o = take_name(a, &s);
        if (o == NULL)
            break;
        put(out, &n, o, take_arguments(&s));
        *at = s;
    } while (n < SIM_TOOLS_MAX && take_and(&s));
    return n;
}

static unsigned loose_order(const struct sim_ask *a, struct sl_str text, struct sim_ordered *out, unsigned *out_n)
{
    bool two = sl_str_find_str(text, SL_STR("use tools")) >= 0;
    if (!two && sl_str_find_str(text, SL_STR("use a tool")) < 0)
        return 0;
    *out_n = 0;
    put(out, out_n, &a->offers[0], SL_STR_NONE);
    if (two)
        put(out, out_n, &a->offers[a->n_offers > 1 ? 1 : 0], SL_STR_NONE);
    return 1;
}

unsigned sim_order_read(const struct sim_ask *a, struct sl_str text, unsigned step, struct sim_ordered *out,
                        unsigned *out_n)
{
    struct sim_ordered calls[SIM_TOOLS_MAX];
    unsigned steps = 0, looks = 0;
    *out_n = 0;
    if (a->n_offers == 0)
        return 0;
    text = sl_str_head(text, ORDER_BYTES);
    struct sl_str at = text;
    while (looks++ < ORDER_LOOKS && (at = next_call(text, at)).p != NULL) {
        unsigned n = take_step(a, &at, calls);
        if (n == 0)
            continue;
        if (steps++ == step) {
            memcpy(out, calls, n * sizeof *calls);
            *out_n = n;
        }
    }
    return steps > 0 ? steps : loose_order(a, text, out, out_n);
}
