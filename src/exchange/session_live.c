/* What turns of Gemini's Live API cost (docs/internals/realtime.md). They have no names, and there is one at a time: the oldest is the one
 * that is being made. A turn is over with turnComplete; its usage comes with that message, before it or behind it. What the model makes
 * of the result of a tool is charged by itself, where what came before was. */
#include "exchange/session.h"

/* The oldest is over, by what it is known to have used. */
static void close_oldest(struct exchange *x)
{
    struct session_turn *t = x->session->turns;
    const struct token_counts said = t->said;
    if (said.found)
        session_turn_reported(x, t, &said);
    else
        session_turn_unreported(x, t);
}

void session_live_asked(struct exchange *x, const struct realtime_event *e, bool *out_new)
{
    struct exchange_session *s = x->session;
    if (e->kind == RT_RESULT && s->turns != NULL && s->turns->said.found)
        close_oldest(x);
    const struct session_turn *newest = session_turn_newest(x);
    bool goes_on = e->kind == RT_RESULT && newest != NULL && !newest->over;
    *out_new = newest == NULL || (newest->heard && !goes_on);
}

void session_live_see(struct exchange *x, const struct realtime_event *e, size_t bytes)
{
    struct exchange_session *s = x->session;
    if (e->kind != RT_PIECE)
        return;
    bool more = e->delta + e->audio > 0 || e->ends;
    if (s->turns != NULL && s->turns->over && more)
        close_oldest(x);
    struct session_turn *t = s->turns != NULL ? s->turns : session_turn_begun(x);
    t->heard = true;
    t->bytes_in += bytes;
    if (e->delta > 0)
        session_said_piece(x, t, e);
    t->audio_bytes += e->audio;
    if (e->delta + e->audio > 0) {
        t->pieces++;
        if (t->first_ns < 0)
            t->first_ns = sl_loop_now(x->env->loop);
    }
    if (e->usage.found)
        t->said = e->usage;
    if (e->ends)
        session_said_over(s, t);
    t->over |= e->ends;
    if (t->over && t->said.found)
        close_oldest(x);
}
