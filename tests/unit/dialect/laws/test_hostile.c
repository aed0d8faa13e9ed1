/* No input takes more than linear time: hostile shapes, small and a hundred times as large, through the readers and writers of all
 * formats. Times are of the thread's own processor, and the bound is wide: what is quadratic is a hundred times slower a byte. */
#include "laws.h"

#include "dialect/relay_translate.h"

#define SMALL (10u << 10)
#define LARGE (1u << 20)
#define TIMES_MAX 25.0

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct shape {
    const char *name, *head, *item, *next, *tail; /* items with `next` between them; '#' in an item is its number */
};

static struct sl_str grown(const struct shape *s, size_t n)
{
    struct sl_buf b;
    sl_buf_init(&b, 16u << 20);
    sl_buf_adds(&b, sl_str_c(s->head));
    for (unsigned i = 0; b.n < n; i++) {
        if (i > 0)
            sl_buf_adds(&b, sl_str_c(s->next));
        for (const char *p = s->item; *p != 0; p++)
            if (*p == '#')
                sl_buf_add_u64(&b, i);
            else
                sl_buf_addc(&b, *p);
    }
    sl_buf_adds(&b, sl_str_c(s->tail));
    return kept(&b);
}

static const struct {
    enum format of;
    struct shape shape;
} requests[] = {
    {CHAT, {"messages", "{\"model\":\"m\",\"messages\":[", "{\"role\":\"user\",\"content\":\"#\"}", ",", "]}"}},
    {CHAT,
     {"parts", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[", "{\"type\":\"text\",\"text\":\"#\"}",
      ",", "]}]}"}},
    {CHAT, {"keys", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],", "\"k#\":#", ",", "}"}},
    {CHAT, {"a string", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"", "\\n\\\"#", "", "\"}]}"}},
    {CHAT,
     {"tools", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[",
      "{\"type\":\"function\",\"function\":{\"name\":\"f.#\"}}", ",", "]}"}},
    {CHAT,
     {"calls",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"tool_calls\":[",
      "{\"id\":\"c#\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}", ",", "]}]}"}},
    {CHAT,
     {"stops", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stop\":[", "\"s#\"", ",",
      "]}"}},
    {CHAT, {"nesting", "{\"model\":\"m\",\"messages\":", "[", "", "]}"}},
    {RESPONSES, {"items", "{\"model\":\"m\",\"input\":[", "{\"role\":\"user\",\"content\":\"#\"}", ",", "]}"}},
    {RESPONSES,
     {"results", "{\"model\":\"m\",\"input\":[",
      "{\"type\":\"function_call\",\"call_id\":\"c#\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":"
      "\"function_call_output\",\"call_id\":\"c#\",\"output\":\"#\"}",
      ",", "]}"}},
    {RESPONSES, {"keys", "{\"model\":\"m\",\"input\":\"x\",", "\"k#\":#", ",", "}"}},
    {MESSAGES,
     {"messages", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[", "{\"role\":\"user\",\"content\":\"#\"}", ",",
      "]}"}},
    {MESSAGES,
     {"calls",
      "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\","
      "\"content\":[",
      "{\"type\":\"tool_use\",\"id\":\"c#\",\"name\":\"f\",\"input\":{}}", ",", "]}]}"}},
    {MESSAGES,
     {"keys", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],", "\"k#\":#",
      ",", "}"}},
    {GEMINI, {"contents", "{\"contents\":[", "{\"role\":\"user\",\"parts\":[{\"text\":\"#\"}]}", ",", "]}"}},
    {GEMINI,
     {"calls", "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]},{\"role\":\"model\",\"parts\":[",
      "{\"functionCall\":{\"name\":\"f\",\"args\":{}}}", ",", "]}]}"}},
    {GEMINI, {"keys", "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}],", "\"k#\":#", ",", "}"}},
};

static double of_request(enum format of, enum format up, struct sl_str body)
{
    static const enum operation ops[FORMATS] = {OP_CHAT, OP_RESPONSES, OP_MESSAGES, OP_GENERATE};
    struct neutral_request req = {.model = SL_STR("m")};
    struct request_refusal refusal;
    struct sl_buf out;
    sl_buf_init(&out, 64u << 20);
    double start = seconds();
    if (dialect_find(sl_str_c(formats[of].dialect))->codec->request_read(ops[of], body, &arena, &req, &refusal)) {
        struct translation *t = translation(of, up, &req);
        (void)t->up->codec->request_write(t, &out, &refusal);
    }
    double took = seconds() - start;
    sl_buf_done(&out);
    return took;
}

static const struct {
    enum format of;
    struct shape shape;
} streams[] = {
    {CHAT, {"text", "", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"#\"}}]}\n\n", "", ""}},
    {CHAT,
     {"calls", "",
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":#,\"id\":\"c#\",\"type\":\"function\",\"function\":{"
      "\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n",
      "", ""}},
    {CHAT,
     {"pieces of one call", "",
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\","
      "\"arguments\":\"[\"}}]}}]}\n\n",
      "", ""}},
    {RESPONSES,
     {"text", "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n",
      "data: {\"type\":\"response.output_text.delta\",\"output_index\":#,\"content_index\":0,\"delta\":\"#\"}\n\n", "",
      ""}},
    {RESPONSES,
     {"items", "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n",
      "data: {\"type\":\"response.output_item.added\",\"output_index\":#,\"item\":{\"type\":\"function_call\",\"id\":\"i#\","
      "\"call_id\":\"c#\",\"name\":\"f\",\"arguments\":\"\"}}\n\n",
      "", ""}},
    {MESSAGES,
     {"blocks", "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n",
      "data: {\"type\":\"content_block_start\",\"index\":#,\"content_block\":{\"type\":\"tool_use\",\"id\":\"c#\",\"name\":\"f\","
      "\"input\":{}}}\n\n",
      "", ""}},
    {MESSAGES,
     {"pieces",
      "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"content_block_start\","
      "\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}}}\n\n",
      "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"[\"}}\n\n",
      "", ""}},
    {GEMINI, {"text", "", "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"#\"}]}}]}\n\n", "", ""}},
    {GEMINI,
     {"calls", "",
      "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f#\",\"args\":{}}}]}}]}\n\n", "",
      ""}},
};

static double of_stream(enum format of, enum format face, struct sl_str bytes)
{
    struct neutral_request req = {.model = SL_STR("m"), .n = 1};
    req.from = dialect_find(sl_str_c(formats[face].dialect));
    struct translation *t = translation(face, of, &req);
    struct relay_translate r;
    const struct iovec *v;
    int n;
    double start = seconds();
    relay_translate_init(&r, t, 0);
    while (bytes.n > 0) {
        struct sl_str slice = sl_str_head(bytes, 4096);
        if (relay_translate_feed(&r, slice, &v, &n) != RELAY_MORE)
            break;
        bytes = sl_str_from(bytes, slice.n);
    }
    (void)relay_translate_end(&r, 0);
    double took = seconds() - start;
    relay_translate_done(&r);
    return took;
}

/* The best of some runs, a byte. */
static double cost(double (*run)(enum format, enum format, struct sl_str), enum format of, enum format other,
                   const struct shape *s, size_t n)
{
    double least = 1e9;
    for (int round = 0; round < (n == SMALL ? 5 : 2); round++) {
        sl_arena_reset(&arena);
        struct sl_str bytes = grown(s, n);
        double took = run(of, other, bytes) / (double)bytes.n;
        least = took < least ? took : least;
    }
    return least;
}

static void expect_linear(double (*run)(enum format, enum format, struct sl_str), enum format of, enum format other,
                          const struct shape *s)
{
    double small = cost(run, of, other, s, SMALL), large = cost(run, of, other, s, LARGE);
    small = small > 1e-9 ? small : 1e-9; /* what is refused at once costs nothing */
    if (large > small * TIMES_MAX)
        fail_msg("%s of %s, other side %s: %.1f ns a byte became %.1f", s->name, formats[of].name, formats[other].name,
                 small * 1e9, large * 1e9);
}

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        for (int up = 0; up < FORMATS; up++)
            if (up != (int)requests[i].of)
                expect_linear(of_request, requests[i].of, (enum format)up, &requests[i].shape);
}

static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        for (int face = 0; face < FORMATS; face++)
            if (face != (int)streams[i].of)
                expect_linear(of_stream, streams[i].of, (enum format)face, &streams[i].shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests), cmocka_unit_test(test_streams)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
