#include "lib/wire.h"

static void flush(struct wire *w)
{
    struct iovec v[16];
    unsigned want = w->deaf ? 0 : SL_READABLE;
    while (w->out.n > 0 && wire_is_open(w)) {
        size_t sent = 0;
        enum sl_io io = sl_tcp_write(&w->tcp, v, sl_chunks_iov(&w->out, v, 16), &sent);
        if (io == SL_IO_AGAIN) {
            sl_tcp_want(&w->tcp, want | SL_WRITABLE);
            return;
        }
        if (io != SL_IO_OK) /* what came before can still be read */
            sl_chunks_clear(&w->out);
        else
            sl_chunks_drop(&w->out, sent);
    }
    sl_tcp_want(&w->tcp, want);
}

static void read_all(struct wire *w)
{
    char piece[8192];
    size_t n = 0, most = w->piece > 0 && w->piece < sizeof piece ? w->piece : sizeof piece;
    while (wire_is_open(w) && !w->deaf) {
        enum sl_io io = sl_tcp_read(&w->tcp, piece, most, &n);
        if (io == SL_IO_AGAIN)
            return;
        if (io != SL_IO_OK) {
            w->eof = io == SL_IO_EOF;
            w->error = io == SL_IO_ERROR;
            sl_tcp_close(&w->tcp);
            return;
        }
        SL_CHECK(sl_buf_add(&w->in, piece, n) == SL_OK);
        if (w->piece > 0)
            return;
    }
}

static void on_event(struct sl_tcp *t, unsigned events)
{
    struct wire *w = SL_CONTAINER_OF(t, struct wire, tcp);
    if ((events & SL_READABLE) != 0)
        read_all(w);
    if (wire_is_open(w))
        flush(w);
    if (w->news != NULL)
        w->news(w);
}

void wire_open(struct wire *w, struct sl_loop *l, int fd)
{
    *w = (struct wire){.loop = l};
    sl_tcp_init(&w->tcp, on_event);
    sl_buf_init(&w->in, 256u << 20);
    sl_chunks_init(&w->out, 256u << 20, NULL);
    SL_CHECK(sl_tcp_attach(l, &w->tcp, fd) == SL_OK);
    sl_tcp_want(&w->tcp, SL_READABLE);
}

bool wire_is_open(const struct wire *w)
{
    return sl_tcp_is_open(&w->tcp);
}

void wire_send(struct wire *w, struct sl_str bytes)
{
    if (!wire_is_open(w))
        return;
    SL_CHECK(sl_chunks_add(&w->out, bytes.p, bytes.n) == SL_OK);
    flush(w);
}

void wire_listen(struct wire *w, bool on)
{
    w->deaf = !on;
    if (wire_is_open(w))
        flush(w);
}

void wire_fin(struct wire *w)
{
    if (wire_is_open(w))
        sl_tcp_shut_write(&w->tcp);
}

void wire_close(struct wire *w)
{
    sl_tcp_close(&w->tcp);
}

void wire_reset(struct wire *w)
{
    sl_tcp_reset(&w->tcp);
}

void wire_done(struct wire *w)
{
    sl_tcp_close(&w->tcp);
    sl_buf_done(&w->in);
    sl_chunks_done(&w->out);
}
