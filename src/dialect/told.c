#include "dialect/told.h"

void told_init(struct told *t, struct sl_arena *a)
{
    *t = (struct told){.barred = false};
    sl_buf_init_in(&t->text, TOLD_TEXT_MAX, a);
    sl_buf_init_in(&t->aside, TOLD_ASIDE_MAX, a);
    sl_buf_init_in(&t->last, TOLD_EVENT_MAX, a);
    sl_buf_init_in(&t->first, TOLD_FIRST_MAX, a);
}

void told_done(struct told *t)
{
    sl_buf_done(&t->text);
    sl_buf_done(&t->aside);
    sl_buf_done(&t->last);
    sl_buf_done(&t->first);
}

static void add_text(struct told *t, struct sl_str text)
{
    t->bytes += text.n;
    t->barred |= sl_buf_adds(&t->text, text) != SL_OK;
}

static void add_aside(struct told *t, struct sl_str text)
{
    t->bytes += text.n;
    (void)sl_buf_adds(&t->aside, text);
}

void told_event(struct told *t, const struct stream_event *e, struct sl_str data)
{
    if (e->says == SAYS_TEXT)
        add_text(t, e->text);
    if (t->barred || e->kind == SK_EMPTY || e->kind == SK_ERROR || e->kind == SK_DONE)
        return;
    if (t->first.n == 0)
        (void)sl_buf_adds(&t->first, sl_str_head(data, TOLD_FIRST_MAX - 1));
    t->barred = e->says == SAYS_MORE || (e->kind == SK_OTHER && e->says == SAYS_NOTHING);
    t->thought |= e->says == SAYS_THOUGHT;
    t->finished |= e->finish;
    sl_buf_reset(&t->last);
    t->barred |= sl_buf_adds(&t->last, data) != SL_OK;
}

void told_neutral(struct told *t, const struct neutral_event *e)
{
    switch (e->kind) {
    case NE_TEXT:
        add_text(t, e->text);
        t->block = e->block;
        break;
    case NE_REASONING:
        add_aside(t, e->text);
        t->thought = true;
        break;
    case NE_SIGNATURE:
    case NE_REDACTED:
        t->thought = true;
        break;
    case NE_FINISH:
        t->finished = true;
        break;
    case NE_START:
    case NE_USAGE:
    case NE_PING:
    case NE_DONE:
    case NE_ERROR:
        break;
    case NE_REFUSAL:
    case NE_CALL_BEGIN:
    case NE_CALL_ARGS:
        add_aside(t, e->name);
        add_aside(t, e->text);
        t->barred = true;
        break;
    default:
        t->barred = true;
    }
    t->barred |= e->choice > 0;
}
