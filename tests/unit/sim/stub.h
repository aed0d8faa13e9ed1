/* A client of the simulator without a network: struct http_stream as a connection would offer it, recording what comes. The clock
 * is the virtual network's. It holds the app to the contract of http/server.h: released once, silent afterwards. */
#ifndef SLUICE_TESTS_UNIT_SIM_STUB_H
#define SLUICE_TESTS_UNIT_SIM_STUB_H

#include <yyjson.h>

#include "base/buf.h"
#include "lib/vnet.h"
#include "sim/sim.h"

struct stub_world {
    struct vnet *v;
    struct sl_loop loop;
    struct sim *sim;
    bool http2; /* streams without send_raw */
};

struct stub_write { /* one call of send_body that had bytes */
    int64_t at_ns;
    size_t n;
};

#define STUB_WRITES 4096
#define STUB_HEADERS 40

struct stub {
    struct http_stream s; /* first */
    struct stub_world *w;
    struct sl_arena arena, mine;
    struct http_request r;
    bool began, reading, head_sent, last, reset, closed, released;
    int status, n_informational;
    int64_t length;
    struct http_headers headers; /* copies in `mine` */
    struct sl_buf body, raw;
    struct stub_write writes[STUB_WRITES];
    unsigned n_writes;
    size_t room; /* SIZE_MAX: endless */
    bool room_was_zero;
};

void stub_world_open(struct stub_world *w, const struct sim_settings *set);
void stub_world_close(struct stub_world *w);
void stub_run(struct stub_world *w, int64_t ns); /* lets this much time pass */

/* A request; headers as "name: value\n" lines, or NULL. The body is given whole. */
struct stub *stub_ask(struct stub_world *w, const char *method, const char *target, const char *headers,
                      struct sl_str body);
struct stub *stub_post(struct stub_world *w, const char *target,
                       const char *body); /* asks, and runs until nothing happens */
struct stub *stub_get(struct stub_world *w, const char *target);
/* The parts, for requests that come in pieces. */
struct stub *stub_begin(struct stub_world *w, const char *method, const char *target, const char *headers,
                        int64_t length);
void stub_body(struct stub *c, struct sl_str bytes, bool last);
void stub_go_away(struct stub *c);
void stub_make_room(struct stub *c, size_t room);
void stub_free(struct stub *c); /* of one that was released */

const char *stub_header(const struct stub *c, const char *name); /* NULL: absent */
bool stub_is_complete(const struct stub *c);                     /* head, whole body, released */

/* The answer as JSON (freed with the world of yyjson: by the caller). */
yyjson_doc *stub_json(const struct stub *c);
/* Event k of a stream: the text behind "data: "; p NULL when there is none. Comments and other fields are left out. */
struct sl_str stub_event(const struct stub *c, unsigned k);
unsigned stub_events(const struct stub *c);

/* For looking into answers: "(none)" and -1 where nothing of that kind is. */
static inline const char *stub_text_at(yyjson_doc *doc, const char *pointer)
{
    const char *s = yyjson_get_str(yyjson_doc_ptr_get(doc, pointer));
    return s != NULL ? s : "(none)";
}
static inline int64_t stub_number_at(yyjson_doc *doc, const char *pointer)
{
    yyjson_val *v = yyjson_doc_ptr_get(doc, pointer);
    return yyjson_is_int(v) ? yyjson_get_sint(v) : -1;
}
/* The newest record of the account, to be freed. */
yyjson_doc *stub_last_record(struct stub_world *w);
/* A POST of that path with "name: value\n" lines, run until nothing happens. */
struct stub *stub_send(struct stub_world *w, const char *target, const char *headers, struct sl_str body);

#endif
