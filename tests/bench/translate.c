/* What translation itself costs, without any network: microseconds for a request of 100 KiB, read from the client's format and
 * written in the provider's, and for each event of a stream of 300.
 *
 *     meson test -C build/release --benchmark --print-errorlogs --verbose translate      or      bench_translate [PART]
 *
 * PART: only what has this in its line. Bodies: `long` (few messages, long texts), `turns` (an agent's: calls, results, 20 tools),
 * `dense` (more than a thousand tiny messages). Times are of the thread's own processor, the best of several rounds: the machine
 * may be busy. The heap is set up as that of `serve`. Ends with 1 where a promised figure is missed (300 us a request, 3 us an event). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/heap.h"
#include "dialect/relay_translate.h"

#define BODY_BYTES (100u << 10)
#define EVENTS 300
#define REQUEST_US_MAX 300.0
#define EVENT_US_MAX 3.0

static const struct {
    const char *dialect, *model, *name;
    enum operation op;
} formats[] = {
    {"openai", "some-model", "chat", OP_CHAT},
    {"openai-responses", "gpt-5.2", "responses", OP_RESPONSES},
    {"anthropic", "claude-opus-4-6", "messages", OP_MESSAGES},
    {"gemini", "gemini-2.5-pro", "gemini", OP_GENERATE},
};
#define FORMATS (sizeof formats / sizeof formats[0])

static struct sl_arena_cache cache;
static bool missed;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void tell(const char *what, double us, double limit)
{
    printf("%-60s %8.2f us%s\n", what, us, us <= limit ? "" : "  MISSED");
    missed |= us > limit;
}

static struct translation translation(struct sl_arena *a, struct neutral_notes *notes,
                                      const struct neutral_request *req, size_t face, size_t up)
{
    struct translation t = {.face = dialect_find(sl_str_c(formats[face].dialect)),
                            .up = dialect_find(sl_str_c(formats[up].dialect)),
                            .req = req,
                            .up_model = sl_str_c(formats[up].model),
                            .platform = up == 0 ? SL_STR("compatible") : SL_STR_NONE,
                            .a = a,
                            .notes = notes,
                            .id = SL_STR("x1"),
                            .created_s = 1795000000,
                            .show_reasoning = true,
                            .unsupported = UNSUPPORTED_DROP};
    t.caps = caps_find(t.up->codec->caps, t.up_model);
    return t;
}

/* == Requests ========================================================================================================== */

static const char long_text[] =
    "Some words of a long text, with an escape \\\"now and then\\\"\\nand lines, as prompts have them. ";

static size_t body_bytes = BODY_BYTES; /* of chat's; less where another format needs more for the same */

static void add_long(struct sl_buf *b)
{
    for (int i = 0; i < 8; i++) {
        sl_buf_addf(b, "%s{\"role\":\"%s\",\"content\":\"", i > 0 ? "," : "", i % 2 == 0 ? "user" : "assistant");
        for (size_t n = 0; n < body_bytes / 9; n += sizeof long_text - 1)
            sl_buf_add(b, long_text, sizeof long_text - 1);
        sl_buf_adds(b, SL_STR("\"}"));
    }
    sl_buf_adds(b, SL_STR(",{\"role\":\"user\",\"content\":\"go on\"}]}"));
}

static void add_turns(struct sl_buf *b)
{
    for (unsigned i = 0; b->n < body_bytes - 6000; i++)
        sl_buf_addf(
            b,
            "{\"role\":\"user\",\"content\":\"%s\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
            "\"call_%u\",\"type\":\"function\",\"function\":{\"name\":\"read_file\",\"arguments\":\"{\\\"path\\\":\\\"/a/%u\\\","
            "\\\"n\\\":12}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_%u\",\"content\":\"%s%s\"},",
            long_text, i, i, i, long_text, long_text);
    sl_buf_adds(b, SL_STR("{\"role\":\"user\",\"content\":\"x\"}],\"tools\":["));
    for (unsigned i = 0; i < 20; i++)
        sl_buf_addf(
            b,
            "%s{\"type\":\"function\",\"function\":{\"name\":\"tool_%u\",\"description\":\"Does something.\",\"parameters\":{"
            "\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\",\"description\":\"the path\"},\"n\":{\"type\":"
            "\"integer\"},\"list\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},\"required\":[\"path\"],"
            "\"additionalProperties\":false}}}",
            i > 0 ? "," : "", i);
    sl_buf_adds(b, SL_STR("]}"));
}

static void add_dense(struct sl_buf *b)
{
    for (unsigned i = 0; b->n < body_bytes - 100; i++)
        sl_buf_addf(b, "{\"role\":\"%s\",\"content\":\"Turn %u, short.\"},", i % 2 == 0 ? "user" : "assistant", i);
    sl_buf_adds(b, SL_STR("{\"role\":\"user\",\"content\":\"x\"}]}"));
}

static struct sl_str rewritten(struct sl_arena *a, struct sl_str body, size_t from, size_t to)
{
    struct neutral_request req = {.model = SL_STR("m")};
    struct request_refusal refusal;
    struct neutral_notes notes = {.a = a};
    struct sl_buf out;
    sl_buf_init(&out, 1u << 24);
    bool good =
        dialect_find(sl_str_c(formats[from].dialect))->codec->request_read(formats[from].op, body, a, &req, &refusal);
    struct translation t = translation(a, &notes, &req, from, to);
    if (!good || !t.up->codec->request_write(&t, &out, &refusal)) {
        fprintf(stderr, "%s to %s: " SL_STR_FMT "\n", formats[from].name, formats[to].name,
                SL_STR_ARG(refusal.error.message));
        exit(1);
    }
    struct sl_str s = sl_arena_str(a, sl_buf_str(&out));
    sl_buf_done(&out);
    return s;
}

static void request(const char *only, const char *shape, struct sl_str body, size_t face, size_t up)
{
    char what[96];
    snprintf(what, sizeof what, "%s, %zu bytes: %s to %s", shape, body.n, formats[face].name, formats[up].name);
    if (only != NULL && strstr(what, only) == NULL)
        return;
    double least = 1e18, least_read = 1e18;
    const struct dialect_codec *from = dialect_find(sl_str_c(formats[face].dialect))->codec;
    for (int round = 0; round < 300; round++) {
        struct sl_arena a;
        struct neutral_request req = {.model = SL_STR("m")};
        struct request_refusal refusal;
        struct sl_buf out;
        sl_arena_init(&a, &cache);
        sl_buf_init(&out, 1u << 24);
        struct neutral_notes notes = {.a = &a};
        double start = now_us();
        bool good = from->request_read(formats[face].op, body, &a, &req, &refusal);
        double read = now_us() - start;
        struct translation t = translation(&a, &notes, &req, face, up);
        good = good && t.up->codec->request_write(&t, &out, &refusal);
        double took = now_us() - start;
        if (!good)
            exit(1);
        least = took < least ? took : least;
        least_read = read < least_read ? read : least_read;
        sl_buf_done(&out);
        sl_arena_done(&a);
    }
    size_t n = strlen(what);
    snprintf(what + n, sizeof what - n, " (read %.0f)", least_read);
    tell(what, least, REQUEST_US_MAX);
}

static void requests(const char *only)
{
    static const struct {
        const char *name;
        void (*add)(struct sl_buf *b);
    } shapes[] = {{"long", add_long}, {"turns", add_turns}, {"dense", add_dense}};
    for (size_t s = 0; s < 3; s++)
        for (size_t face = 0; face < FORMATS; face++) {
            struct sl_arena a;
            struct sl_str body = {.n = 0};
            sl_arena_init(&a, &cache);
            body_bytes = BODY_BYTES;
            for (int fit = 0; fit < 2; fit++) { /* the second time at the right length */
                struct sl_buf b;
                body_bytes = body.n > 0 ? (size_t)((double)body_bytes * BODY_BYTES / (double)body.n) : body_bytes;
                sl_buf_init(&b, 1u << 24);
                sl_buf_adds(&b, SL_STR("{\"model\":\"m\",\"max_completion_tokens\":1000,\"messages\":["));
                shapes[s].add(&b);
                body = sl_arena_str(&a, sl_buf_str(&b));
                body = face == 0 ? body : rewritten(&a, body, 0, face);
                sl_buf_done(&b);
            }
            for (size_t up = 0; up < FORMATS; up++)
                if (up != face)
                    request(only, shapes[s].name, body, face, up);
            sl_arena_done(&a);
        }
}

/* == Streams =========================================================================================================== */

/* What a provider of that format sends for 300 pieces of text. */
static void provider_stream(size_t up, struct sl_buf *out)
{
    struct sl_arena a;
    sl_arena_init(&a, &cache);
    struct neutral_notes notes = {.a = &a};
    struct neutral_request req = {.from = dialect_find(sl_str_c(formats[up].dialect)), .model = SL_STR("m"), .n = 1};
    struct translation t = translation(&a, &notes, &req, up, up);
    const struct dialect_codec *c = t.up->codec;
    void *w = c->stream_write_begin(&t, out);
    c->stream_write(w, &(struct neutral_event){.kind = NE_START, .id = SL_STR("abc"), .model = SL_STR("m")});
    for (int i = 0; i < EVENTS; i++)
        c->stream_write(w, &(struct neutral_event){.kind = NE_TEXT, .text = SL_STR(" token")});
    c->stream_write(w, &(struct neutral_event){.kind = NE_FINISH, .finish = FINISH_STOP});
    c->stream_write(
        w, &(struct neutral_event){.kind = NE_USAGE, .usage = {.found = true, .prompt = 9, .completion = 300}});
    c->stream_write_end(w);
    sl_arena_done(&a);
}

/* An event in a read, as tokens come. */
static unsigned split(struct sl_str left, struct sl_str out[2 * EVENTS])
{
    unsigned n = 0;
    for (; left.n > 0 && n < 2 * EVENTS; n++) {
        ptrdiff_t end = sl_str_find_str(left, SL_STR("\n\n"));
        out[n] = sl_str_head(left, end < 0 ? left.n : (size_t)end + 2);
        left = sl_str_from(left, out[n].n);
    }
    return n;
}

static double stream_once(const struct sl_str *reads, unsigned n_reads, size_t face, size_t up)
{
    struct sl_arena a;
    sl_arena_init(&a, &cache);
    struct neutral_notes notes = {.a = &a};
    struct neutral_request req = {.from = dialect_find(sl_str_c(formats[face].dialect)), .model = SL_STR("m"), .n = 1};
    struct translation t = translation(&a, &notes, &req, face, up);
    struct relay_translate r;
    const struct iovec *v;
    int n;
    double start = now_us();
    relay_translate_init(&r, &t, 0);
    for (unsigned i = 0; i < n_reads; i++)
        relay_translate_feed(&r, reads[i], &v, &n);
    if (!relay_translate_end(&r, 0))
        exit(1);
    double took = now_us() - start;
    relay_translate_done(&r);
    sl_arena_done(&a);
    return took / EVENTS;
}

static void streams(const char *only)
{
    for (size_t up = 0; up < FORMATS && (only == NULL || strstr("stream", only) != NULL); up++) {
        struct sl_buf b;
        sl_buf_init(&b, 1u << 24);
        provider_stream(up, &b);
        struct sl_str reads[2 * EVENTS];
        unsigned n_reads = split(sl_buf_str(&b), reads);
        for (size_t face = 0; face < FORMATS; face++) {
            double least = 1e18;
            for (int round = 0; round < 200 && face != up; round++) {
                double took = stream_once(reads, n_reads, face, up);
                least = took < least ? took : least;
            }
            char what[96];
            snprintf(what, sizeof what, "stream: %s to a client of %s, an event", formats[up].name, formats[face].name);
            if (face != up)
                tell(what, least, EVENT_US_MAX);
        }
        sl_buf_done(&b);
    }
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    sl_heap_set_up();
    sl_arena_cache_init(&cache, 4096);
    requests(only);
    streams(only);
    sl_arena_cache_done(&cache);
    return missed;
}
