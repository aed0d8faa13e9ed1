/* What the sides of a session have said, as text: kept in a few KiB until the provider reports what it used, and counted only where it
 * does not (docs/internals/tokens.md). Sound is counted by its length, elsewhere. */
#include "dialect/json_mend.h"
#include "dialect/json_tree.h"
#include "exchange/session.h"
#include "tokens/estimate.h"
#include "tokens/meter.h"

#define SAID_MAX 8192u /* bytes of a turn, and of the client: they stand for what is behind them */
#define BETWEEN '\x1e' /* messages: no JSON has it */

static void drop(void *arg)
{
    struct sl_buf *b = arg;
    sl_buf_done(b);
}

static void open(struct exchange *x, struct sl_buf *b)
{
    if (b->max > 0)
        return;
    sl_buf_init_in(b, SAID_MAX + 1, x->a);
    sl_arena_on_drop(x->a, drop, b);
}

static void add(struct sl_buf *b, struct sl_str text)
{
    if (b->n < SAID_MAX)
        (void)sl_buf_adds(b, sl_str_head(text, SAID_MAX - b->n));
}

void session_said_piece(struct exchange *x, struct session_turn *t, const struct realtime_event *e)
{
    open(x, &t->text);
    t->text_bytes += e->delta;
    add(&t->text, e->text);
}

void session_said_client(struct exchange *x, struct sl_str message)
{
    struct exchange_session *s = x->session;
    open(x, &s->client);
    s->client_bytes += message.n + 1;
    add(&s->client, message);
    (void)sl_buf_addc(&s->client, BETWEEN);
}

static struct sl_str model_of(struct exchange *x, const struct session_turn *t)
{
    return provider_plain_model(&try_current(x)->at->provider, t->candidate->model);
}

/* n tokens of `known` bytes stand for `all` of them. */
static uint64_t scaled(uint64_t n, uint64_t known, uint64_t all)
{
    return known == 0 ? 0 : (uint64_t)(((unsigned __int128)n * all + known / 2) / known);
}

uint64_t session_said_output(struct exchange *x, const struct session_turn *t)
{
    struct sl_str said = sl_buf_str(&t->text);
    struct sl_arena a;
    if (said.n == 0 || t->text_bytes == 0)
        return t->text_bytes > 0 ? tokens_estimate_output(t->text_bytes, t->pieces) : 0;
    sl_arena_init(&a, NULL);
    uint64_t n = tokens_of_text(x->env->tokens, model_of(x, t), json_plain(said, &a)).n;
    sl_arena_done(&a);
    return scaled(n, said.n, t->text_bytes);
}

static bool is_text(const struct json_tree *t, const struct json_node *v)
{
    static const struct sl_str names[] = {
        SL_STR_INIT("text"),   SL_STR_INIT("transcript"), SL_STR_INIT("instructions"), SL_STR_INIT("arguments"),
        SL_STR_INIT("output"), SL_STR_INIT("name"),       SL_STR_INIT("description")};
    for (size_t i = 0; i < sizeof names / sizeof *names && v->kind == JSON_STRING; i++)
        if (json_key_is(t, v, names[i]))
            return true;
    return false;
}

static uint64_t count_message(struct exchange *x, struct sl_str model, struct sl_str message, struct sl_arena *a)
{
    struct json_tree t;
    uint64_t n = 0;
    if (!json_tree_read(&t, json_mended(message, a), a))
        return 0;
    for (uint32_t i = 0; i < t.n; i++)
        if (is_text(&t, &t.nodes[i]))
            n += tokens_of_text(x->env->tokens, model, json_plain_of(&t, &t.nodes[i], a)).n;
    return n;
}

/* The messages that it can have read: how they begin, and all their bytes. */
static struct sl_str read_by(const struct exchange_session *s, const struct session_turn *t, uint64_t *out_bytes)
{
    bool all = t->client_n == 0 || t->client_n > s->client.n || t->client_bytes > s->client_bytes;
    *out_bytes = all ? s->client_bytes : t->client_bytes;
    return all ? sl_buf_str(&s->client) : sl_str_head(sl_buf_str(&s->client), t->client_n);
}

uint64_t session_said_input(struct exchange *x, const struct session_turn *t)
{
    struct sl_arena a;
    uint64_t n = 0, bytes;
    struct sl_str read = read_by(x->session, t, &bytes), rest = read;
    sl_arena_init(&a, NULL);
    while (rest.n > 0) {
        ptrdiff_t end = sl_str_find(rest, BETWEEN);
        size_t one = end < 0 ? rest.n : (size_t)end;
        n += count_message(x, model_of(x, t), sl_str_head(rest, one), &a);
        rest = sl_str_from(rest, end < 0 ? one : one + 1);
    }
    sl_arena_done(&a);
    return scaled(n, read.n, bytes);
}

void session_said_over(const struct exchange_session *s, struct session_turn *t)
{
    t->client_n = s->client.n;
    t->client_bytes = s->client_bytes;
}

void session_said_reported(struct exchange_session *s, const struct session_turn *t)
{
    uint64_t bytes;
    struct sl_str read = read_by(s, t, &bytes);
    s->client_bytes -= bytes;
    if (read.n == 0)
        return;
    size_t rest = s->client.n - read.n;
    memmove(s->client.p, s->client.p + read.n, rest);
    sl_buf_reset(&s->client);
    sl_buf_wrote(&s->client, rest);
}
