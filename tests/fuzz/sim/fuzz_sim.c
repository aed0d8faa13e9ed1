/* Requests to the simulator: the first byte chooses path and way, a line may follow as x-sim-fault, the rest is the body. Whatever
 * comes, every call is answered or ends when the client leaves, and what is said to be JSON is JSON. */
#include "../../unit/sim/stub.h"

#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char *const paths[] = {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/sim/rules",
                                    "/v1/models/x",         "/sim/count",      "/v1/nothing",    "/sim/health"};

static void check_json(const struct stub *c)
{
    const char *type = stub_header(c, "content-type");
    if (c->length != (int64_t)c->body.n || type == NULL || strcmp(type, "application/json") != 0)
        return;
    if (c->body.n > 3 && memcmp(c->body.p, "]]]", 3) == 0) /* the fault garbage-body */
        return;
    if (stub_header(c, "content-encoding") != NULL)
        return;
    yyjson_doc *d = stub_json(c);
    SL_CHECK(d != NULL);
    yyjson_doc_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct stub_world w = {0};
    char header[128] = {0};
    if (n < 1)
        return 0;
    struct sl_str all = sl_str_of(bytes + 1, n - 1);
    if ((bytes[0] & 0x80) != 0) {
        struct sl_str line = sl_str_head(sl_str_cut(&all, '\n'), 64);
        memcpy(header, "x-sim-fault: ", 13);
        if (line.n > 0)
            memcpy(header + 13, line.p, line.n);
    }
    w.http2 = (bytes[0] & 0x40) != 0;
    stub_world_open(&w, &(struct sim_settings){.seed = 1, .token_ns = (bytes[0] & 0x20) != 0 ? SL_MS : 0});
    struct stub *c =
        stub_begin(&w, (bytes[0] & 0x10) != 0 ? "GET" : "POST", paths[bytes[0] & 7], header, HTTP_LENGTH_NONE);
    if (!c->released) {
        size_t half = (bytes[0] & 8) != 0 ? all.n / 2 : 0;
        if (half > 0)
            stub_body(c, sl_str_head(all, half), false);
        stub_body(c, sl_str_from(all, half), true);
        stub_run(&w, 20 * SL_MS);
    }
    check_json(c);
    stub_go_away(c);
    stub_free(c);
    stub_world_close(&w);
    return 0;
}
