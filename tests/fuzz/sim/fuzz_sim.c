/* Requests to the simulator: the first byte chooses path and way (where it says so, a second byte another path), a line may follow as
 * x-sim-fault, the rest is the body. Whatever comes, every call is answered or ends when the client leaves, what is said to be JSON
 * is JSON, and a stream of frames is one. */
#include "../../unit/sim/stub.h"

#include "base/mem.h"
#include "sim/sim_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char *const paths[] = {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/sim/rules",
                                    "/v1/models/x",         "/sim/count",      "/v1/nothing",    NULL};
static const char *const more_paths[] = {
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses",
    "/v1/responses/input_tokens",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/gemini-3-flash:streamGenerateContent",
    "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    "/v1beta/models/m:countTokens",
    "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
    "/v1/projects/p/locations/l/publishers/anthropic/models/claude-opus-5:streamRawPredict",
    "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
    "/model/us.anthropic.claude-sonnet-4-6-v1%3A0/invoke",
    "/model/us.anthropic.claude-opus-5/invoke-with-response-stream",
    "/model/m/converse",
    "/model/us.anthropic.claude-haiku-4-5/converse-stream",
    "/model/anthropic.claude-haiku-4-5/count-tokens",
    "/token",
    "/sim/health",
    "/as/perplexity/v1/chat/completions",
    "/as/mistral/v1/chat/completions",
    "/as/ollama/v1/chat/completions",
    "/as/fireworks/v1/chat/completions",
};

static void check_json(const struct stub *c)
{
    const char *type = stub_header(c, "content-type");
    if (c->length != (int64_t)c->body.n || type == NULL || strncmp(type, "application/json", 16) != 0)
        return;
    if (c->body.n > 3 && memcmp(c->body.p, "]]]", 3) == 0) /* the fault garbage-body */
        return;
    if (stub_header(c, "content-encoding") != NULL)
        return;
    if (c->body.n > 0 && c->body.p[0] == '<') /* AWS' answer to a path that it does not know */
        return;
    yyjson_doc *d = stub_json(c);
    SL_CHECK(d != NULL);
    yyjson_doc_free(d);
}

static uint32_t u32_at(struct sl_str s, size_t at)
{
    const unsigned char *p = (const unsigned char *)s.p + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void check_frames(const struct stub *c)
{
    const char *type = stub_header(c, "content-type");
    struct sl_str all = sl_buf_str(&c->body);
    if (type == NULL || strcmp(type, "application/vnd.amazon.eventstream") != 0)
        return;
    while (all.n > 0) {
        SL_CHECK(all.n >= 16);
        uint32_t total = u32_at(all, 0);
        SL_CHECK(total >= 16 && total <= all.n && u32_at(all, 8) == sim_crc32(sl_str_head(all, 8)));
        SL_CHECK(u32_at(all, total - 4) == sim_crc32(sl_str_head(all, total - 4)));
        all = sl_str_from(all, total);
    }
}

/* Headers that formats ask for, so that bodies are looked at. */
static void write_headers(char *to, size_t cap, struct sl_str fault)
{
    struct sl_buf b;
    sl_buf_init(&b, cap - 1);
    sl_buf_adds(&b, SL_STR("anthropic-version: 2023-06-01\n"));
    if (fault.n > 0)
        sl_buf_addf(&b, "x-sim-fault: " SL_STR_FMT, SL_STR_ARG(fault));
    memcpy(to, b.p, b.n);
    to[b.n] = 0;
    sl_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct stub_world w = {0};
    char headers[200];
    if (n < 2)
        return 0;
    const char *path = paths[bytes[0] & 7];
    struct sl_str all = sl_str_of(bytes + 1, n - 1), fault = SL_STR_NONE;
    if (path == NULL) {
        path = more_paths[bytes[1] % (sizeof more_paths / sizeof more_paths[0])];
        all = sl_str_from(all, 1);
    }
    if ((bytes[0] & 0x80) != 0)
        fault = sl_str_head(sl_str_cut(&all, '\n'), 64);
    write_headers(headers, sizeof headers, fault);
    w.http2 = (bytes[0] & 0x40) != 0;
    stub_world_open(&w, &(struct sim_settings){.seed = 1, .token_ns = (bytes[0] & 0x20) != 0 ? SL_MS : 0});
    struct stub *c = stub_begin(&w, (bytes[0] & 0x10) != 0 ? "GET" : "POST", path, headers, HTTP_LENGTH_NONE);
    if (!c->released) {
        size_t half = (bytes[0] & 8) != 0 ? all.n / 2 : 0;
        if (half > 0)
            stub_body(c, sl_str_head(all, half), false);
        stub_body(c, sl_str_from(all, half), true);
        stub_run(&w, 20 * SL_MS);
    }
    check_json(c);
    if (fault.n == 0 && (bytes[0] & 0x20) == 0)
        check_frames(c);
    stub_go_away(c);
    stub_free(c);
    stub_world_close(&w);
    return 0;
}
