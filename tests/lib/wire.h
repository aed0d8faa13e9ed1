/* One end of a connection on the virtual network, for clients of tests: what it is given goes out, what comes is kept. */
#ifndef SLUICE_TESTS_LIB_WIRE_H
#define SLUICE_TESTS_LIB_WIRE_H

#include "base/buf.h"
#include "base/chunks.h"
#include "lib/vnet.h"

struct wire;
typedef void wire_news_f(struct wire *w); /* bytes came, or the end; from the loop */

struct wire {
    struct sl_loop *loop; /* borrow */
    struct sl_tcp tcp;
    struct sl_buf in;
    struct sl_chunks out;
    bool eof, error;
    bool deaf;         /* reads nothing; wire_listen ends it */
    size_t piece;      /* reads at most so much per event; 0: all */
    wire_news_f *news; /* may be NULL */
    void *owner;
};

/* Takes one end of vnet_pair. */
void wire_open(struct wire *w, struct sl_loop *l, int fd);
void wire_send(struct wire *w, struct sl_str bytes);
void wire_listen(struct wire *w, bool on);
void wire_fin(struct wire *w); /* no more from us */
void wire_close(struct wire *w);
void wire_reset(struct wire *w);
void wire_done(struct wire *w); /* closes, frees */
bool wire_is_open(const struct wire *w);

#endif
